"""Why a network said so: heat maps of where it looked, and pictures of them."""

"""How weights change; knows neither run folders nor screens."""

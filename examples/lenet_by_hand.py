"""LeNet step by step: forward pass, loss, gradients before and after backward, one update.

Run it: python examples/lenet_by_hand.py
"""

import torch
import torch.nn.functional as F

import onestop
from onestop.networks.backward import functions


def main() -> None:
    torch.manual_seed(0)
    network = onestop.build("lenet_3x3", classes=10)  # C(1,6,3) M2 C(6,16,3) M2 L L L
    for name, parameter in network.named_parameters():
        print(f"{name}: {list(parameter.shape)}")

    # Forward: one grey image of 32 x 32 pixels in, ten values out.
    image = torch.rand(1, 1, 32, 32)
    outputs = network(image)
    print(f"outputs: {list(outputs.shape)}")

    # The loss measures the distance of the outputs from a target; here an arbitrary one.
    target = torch.rand(1, 10)
    loss = F.mse_loss(outputs, target)
    print(f"loss: {loss.item():.4f}")

    # The backward functions that autograd recorded in the forward pass, from the loss on.
    chain = [row["function"] for row in functions(loss, network)]
    print(f"backward: {' -> '.join(chain[:4])} -> ... ({len(chain)} functions)")

    # No parameter has a gradient before `backward`; afterwards all have one.
    bias = dict(network.named_parameters())["conv1.bias"]
    print(f"before: {bias.grad}")
    loss.backward()
    assert bias.grad is not None
    print(f"after: {[round(value, 4) for value in bias.grad.tolist()]}")

    # One step of plain SGD: w <- w - lr * gradient.
    by_hand = bias.detach() - 0.01 * bias.grad
    torch.optim.SGD(network.parameters(), lr=0.01).step()
    assert torch.equal(bias.detach(), by_hand)
    after = F.mse_loss(network(image), target)
    print(f"loss after one step: {after.item():.4f}")
    assert after < loss


if __name__ == "__main__":
    main()

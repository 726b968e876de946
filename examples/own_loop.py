"""Your own training loop with OneStop's data and networks: handwritten digits in forty lines.

Run it: python examples/own_loop.py
"""

import torch
import torch.nn.functional as F

import onestop
from onestop.data.loader import Loader, epoch_plan
from onestop.data.preprocess import ImagePreprocessing

EPOCHS, BATCH, SEED = 6, 64, 0


def main() -> None:
    torch.manual_seed(SEED)
    data = onestop.open_data("digits", seed=SEED)
    preprocessing = ImagePreprocessing(channels=1, size=(32, 32), mean=(0.3,), std=(0.35,))
    loaders = {name: Loader(samples, preprocessing) for name, samples in data.splits.items()}
    network = onestop.build("lenet5", classes=len(data.classes))
    optimizer = torch.optim.SGD(network.parameters(), lr=0.05, momentum=0.9)
    steps = EPOCHS * len(epoch_plan(len(data.splits["train"]), BATCH, SEED, 0))
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)

    for epoch in range(1, EPOCHS + 1):
        network.train()
        # The order of the images is a function of seed and epoch, so it is the same in every run.
        plan = epoch_plan(len(data.splits["train"]), BATCH, SEED, epoch)
        for batch in loaders["train"].train(plan, epoch):
            loss = F.cross_entropy(network(batch.inputs), batch.targets)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
        validation = accuracy(network, loaders["val"])
        print(f"epoch {epoch}: loss {loss.item():.4f}, validation accuracy {validation:.1%}")
    print(f"test accuracy: {accuracy(network, loaders['test']):.1%}")


@torch.inference_mode()
def accuracy(network: torch.nn.Module, loader: Loader) -> float:
    network.eval()
    correct = [network(b.inputs).argmax(1) == b.targets for b in loader.in_order(256)]
    return float(torch.cat(correct).float().mean())


if __name__ == "__main__":
    main()

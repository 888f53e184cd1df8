"""The modules of `networks_plain`."""

import torch
from torch import nn
from torch.nn import functional as F


class UNet(nn.Module):
    """A U-Net of two levels, which enlarges by transposed convolutions or by bilinear interpolation."""

    def __init__(self, transposed: bool):
        super().__init__()

        def block(a, b):
            norms = [nn.BatchNorm2d(b), nn.LeakyReLU(0.1)], [nn.GroupNorm(4, b), nn.ELU()]
            return nn.Sequential(nn.Conv2d(a, b, 3, padding=1), *norms[0], nn.Conv2d(b, b, 3, padding=1), *norms[1])

        self.down = nn.ModuleList([block(3, 8), block(8, 16)])
        self.bottom = block(16, 32)
        if transposed:
            last = nn.ConvTranspose2d(16, 8, 3, 2, padding=1, output_padding=1)
            self.up = nn.ModuleList([nn.ConvTranspose2d(32, 16, 2, 2), last])
        else:
            sizes = [(32, 16, False), (16, 8, True)]
            up = [(nn.Upsample(scale_factor=2, mode="bilinear", align_corners=c), nn.Conv2d(a, b, 1)) for a, b, c in sizes]
            self.up = nn.ModuleList([nn.Sequential(*pair) for pair in up])
        self.join = nn.ModuleList([block(32, 16), block(16, 8)])
        self.head = nn.Conv2d(8, 4, 1)

    def forward(self, x):
        kept = []
        for down in self.down:
            x = down(x)
            kept.append(x)
            x = F.max_pool2d(x, 2)
        x = self.bottom(x)
        for up, join in zip(self.up, self.join):
            x = join(torch.cat([up(x), kept.pop()], 1))
        return self.head(x)


class Assorted(nn.Module):
    """Operations with options that the libraries' networks rarely use."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 12, 3, 2, padding=(1, 2), dilation=(1, 2), padding_mode="reflect"), nn.Softplus())
        wide = nn.Conv2d(12, 12, (1, 5), padding=(0, 2))
        self.branches = nn.ModuleList(
            [
                nn.Sequential(nn.Conv2d(12, 12, 3, padding=1, groups=3), nn.InstanceNorm2d(12, affine=True), nn.Mish()),
                nn.Sequential(nn.AvgPool2d(3, 1, 1, count_include_pad=False), nn.PReLU(12), nn.Conv2d(12, 12, 1), nn.SELU()),
                nn.Sequential(nn.MaxPool2d(3, 1, 1), wide, nn.Tanh(), nn.Hardtanh(-0.5, 0.7)),
                nn.Sequential(nn.ZeroPad2d((1, 0, 0, 1)), nn.Conv2d(12, 12, 2), nn.GELU("tanh"), nn.CELU(1.3)),
            ]
        )
        self.shuffle = nn.Sequential(nn.Conv2d(12, 24, 1), nn.PixelUnshuffle(2), nn.Conv2d(96, 48, 1), nn.PixelShuffle(2), nn.Hardswish())
        self.head = nn.Linear(12, 9)

    def forward(self, x):
        x = self.stem(x)
        x = sum(branch(x) for branch in self.branches) / 2
        x = F.interpolate(x, size=(18, 16), mode="bicubic", align_corners=False)
        x = x + F.interpolate(F.avg_pool2d(x, (3, 4)), size=(18, 16), mode="nearest")
        x = self.shuffle(x)
        x = F.normalize(x, dim=1) + x.abs().sqrt() + torch.exp(-x.pow(2)) - x.clamp(min=0.1).reciprocal()
        x = torch.where(x > 0.2, x, 0.3 * x).flip(3).roll(2, 2)
        gap = x.mean((2, 3)) + x.amax((2, 3)) + x.logsumexp((2, 3)) + x.std((2, 3))
        return self.head(gap)


class Ended(nn.Module):
    """A classifier whose closing activation is in the file."""

    def __init__(self, end: str):
        super().__init__()
        self.end = end
        self.features = nn.Sequential(nn.Conv2d(3, 8, 3, 2), nn.BatchNorm2d(8), nn.SiLU(), nn.Conv2d(8, 16, 3, 2), nn.ReLU6())
        self.head = nn.Linear(16, 6)

    def forward(self, x):
        x = self.head(self.features(x).mean((2, 3)))
        return x.sigmoid() if self.end == "sigmoid" else x.softmax(1)

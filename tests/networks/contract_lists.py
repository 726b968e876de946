"""What the contract of networks runs over, and what is true of few of them only."""

from __future__ import annotations

from onestop.networks import torchvision_zoo
from onestop.networks.catalog import OWN

IMAGES = [entry.name for entry in OWN.values() if not entry.vectors]
TORCHVISION = torchvision_zoo.names()
# The smallest network of each of timm's families, and others with unusual stems or heads.
_FAMILIES = """
    beit_base_patch16_224 cait_xxs24_224 coat_tiny convit_tiny convmixer_768_32 cpubone_nano
    crossvit_tiny_240 cs3darknet_focus_s csatv2 cspnext_tiny davit_tiny deepseek_vit_412m
    deit_tiny_distilled_patch16_224 deit_tiny_patch16_224 densenet121 dla46x_c dpn48b
    edgenext_xx_small efficientformer_l1 efficientformerv2_s0 efficientvim_m1 efficientvim_m1_dist
    efficientvit_b0 efficientvit_m0 ese_vovnet19b_slim_dw fasternet_t0 fastvit_t8
    focalnet_tiny_srf gcvit_xxtiny gemma4_vit_167m ghostnet_050 gmlp_ti16_224 halonet_h1
    hardcorenas_b hgnetv2_b0 hiera_tiny_224 hrnet_w18_small iformer_t inception_next_atto
    inception_resnet_v2 inception_v3 inception_v4 lcnetv2_small legacy_seresnet18 legacy_xception
    levit_128s levit_conv_128s lowformer_b0 mobilenetv3_small_050 mobilenetv5_base mobilevit_xxs
    mvitv2_tiny naflexvit_base_patch16_parfac_gap nasnetalarge nest_tiny nextvit_small pit_ti_224
    pit_ti_distilled_224 pnasnet5large poolformerv2_s12 pvt_v2_b0 qwen3_vit_88m rdnet_tiny
    regnetx_002 repghostnet_050 repvgg_a0 repvit_m1 res2next50 resnest14d resnetv2_18
    resnetv2_50x1_bit rexnet_100 sam2_hiera_tiny samvit_base_patch16_224 selecsls42 sequencer2d_s
    shvit_s1 skresnet18 starnet_s050 swiftformer_xs swin_tiny_patch4_window7_224
    swinv2_cr_tiny_224 swinv2_tiny_window8_256 test_byobnet test_coatnet test_convnext
    test_efficientnet test_mambaout test_nfnet test_resnet test_vit test_vit_relpos
    tf_efficientnet_b0 tiny_vit_5m_224 tnt_s_legacy_patch16_224 tresnet_m twins_svt_small vgg11
    visformer_tiny vit_tiny_patch16_dinov3_qkvb vit_tiny_r_s16_p8_224 vitamin_small_224
    volo_d1_224 xception41p xcit_nano_12_p8_224
"""
TIMM = [f"timm:{name}" for name in _FAMILIES.split()]

DEEPER = {
    "densenet121_small", "resnet110", "resnet32", "resnet34_small", "resnet44", "resnet56",
    "tf_efficientnet_lite1", "tf_efficientnet_lite3", "tf_efficientnet_lite4", "vgg13_bn_small",
    "vgg13_small", "vgg16_bn_small", "vgg16_small", "vgg19_bn_small", "vgg19_small",
}  # fmt: skip
"""Of our own, those that are only deeper or wider than another: only `make test-all` tries them."""

FAST = {
    *(name for name in IMAGES if name not in DEEPER),
    "alexnet", "convnext_tiny", "efficientnet_b0", "mnasnet0_5", "mobilenet_v2",
    "mobilenet_v3_small", "regnet_y_400mf", "resnet18",
    "resnext50_32x4d", "shufflenet_v2_x0_5", "squeezenet1_1", "swin_t", "vgg11_bn", "vit_b_32",
    "timm:deit_tiny_distilled_patch16_224", "timm:levit_128s", "timm:mobilenetv3_small_050",
    "timm:resnetv2_18", "timm:test_byobnet", "timm:test_convnext", "timm:test_efficientnet",
    "timm:test_nfnet", "timm:test_resnet", "timm:test_vit",
}  # fmt: skip
FAST_BY_SHAPES_ONLY = {
    "alexnet", "convnext_tiny", "efficientnet_b0", "mnasnet0_5", "regnet_y_400mf", "resnet50_small",
    "resnext29_8x64d", "resnext50_32x4d", "swin_t", "timm:deit_tiny_distilled_patch16_224",
    "timm:levit_128s", "timm:mobilenetv3_small_050", "vgg11_bn", "vit_b_32", "wrn_28_10",
}  # fmt: skip

QUICK = {
    "airbench94", "airbench_small", "alexnet_small", "capsnet", "cnn1", "lenet5", "lenet5_color",
    "lenet5_max", "lenet_3x3", "nested", "resnet20", "resnet50_small", "resnet9",
    "resnext29_8x64d", "squeezenet1_1", "vgg11_small", "wrn_16_4", "wrn_28_10",
}  # fmt: skip
"""Of those in `FAST`, the ones that take less than a second; `make test-quick` runs them alone."""

HUGE = {
    "vit_h_14": "633 million parameters",
    "regnet_y_128gf": "645 million parameters",
    "timm:deepseek_vit_412m": "412 million parameters",
}

# What is true of few networks, and of no other: a name that no longer belongs here fails.
# Patches, windows or steps that must come out even: an odd size cannot.
REFUSES_ODD_SIZES = {n for n in TORCHVISION if n.startswith(("vit_", "maxvit_"))}
_EVEN = """
    crossvit_tiny_240 csatv2 deepseek_vit_412m dla46x_c efficientformer_l1 efficientformerv2_s0
    gcvit_xxtiny gemma4_vit_167m halonet_h1 hiera_tiny_224 hrnet_w18_small levit_128s
    levit_conv_128s naflexvit_base_patch16_parfac_gap nest_tiny qwen3_vit_88m sam2_hiera_tiny
    samvit_base_patch16_224 test_vit tresnet_m twins_svt_small visformer_tiny
    vit_tiny_patch16_dinov3_qkvb vit_tiny_r_s16_p8_224 xcit_nano_12_p8_224
"""
REFUSES_ODD_SIZES |= {f"timm:{name}" for name in _EVEN.split()}
KEEPS_ITS_CHANNELS = {
    "timm:csatv2": "a cosine transform sees the image before any layer",
    "timm:gemma4_vit_167m": "a linear layer sees the patches",
    "timm:naflexvit_base_patch16_parfac_gap": "a linear layer sees the patches",
    "timm:tresnet_m": "its first convolution sees blocks of pixels as channels",
}
COLOUR_ONLY = {
    "timm:csatv2": "its cosine transform starts from red, green and blue",
}
HAS_NO_HEAD = {
    "capsnet": "its outputs are the lengths of capsules, computed by no single layer",
}

# The size to compute with, where 64 pixels are not it: too few, or for our own networks many.
SIZES = {
    "vit_h_14": 70,
    "inception_v3": 299,  # less, and it has no auxiliary classifier
    "timm:crossvit_tiny_240": 240,
    "timm:deepseek_vit_412m": 224,
    "timm:efficientformer_l1": 224,
    "timm:inception_resnet_v2": 96,
    "timm:inception_v3": 96,
    "timm:inception_v4": 96,
    # Fewer pixels leave the last attention nothing to choose from.
    "timm:efficientvim_m1": 128,
    "timm:efficientvim_m1_dist": 128,
    "timm:efficientvit_m0": 128,
    "timm:levit_128s": 128,
    "timm:levit_conv_128s": 128,
}

ROUNDS_UP = {"maxvit_t": "221 to 223 pixels become 224 on the way; no multiples of anything"}
OUTPUTS_IN_TRAINING = {"googlenet": 3, "inception_v3": 2}
# A shift that the next BatchNorm takes out again has no gradient but for rounding.
MAY_BE_IDLE = {"timm:hgnetv2_b0": "lab.bias"}
TRIES = 5  # what was dropped at one try gets its gradient at another

MUST_BE_COVERED = """
    alexnet_small alexnet vgg11 vgg13 vgg16 vgg19 vgg11_bn vgg13_bn vgg16_bn vgg19_bn vgg16_small
    googlenet_small googlenet inception_v3 resnet20 resnet32 resnet44 resnet56 resnet110
    resnet18_small resnet34_small resnet50_small resnet18 resnet34 resnet50 resnet101 resnet152
    densenet_bc_100_12 densenet121 densenet161 densenet169 densenet201 resnext50_32x4d
    resnext101_32x8d resnext101_64x4d wide_resnet50_2 wide_resnet101_2 squeezenet1_0 squeezenet1_1
    shufflenet_v2_x0_5 shufflenet_v2_x1_0 shufflenet_v2_x1_5 shufflenet_v2_x2_0 mobilenet_v2
    mobilenet_v3_small mobilenet_v3_large mnasnet0_5 mnasnet0_75 mnasnet1_0 mnasnet1_3
    efficientnet_b0 efficientnet_b1 efficientnet_b2 efficientnet_b3 efficientnet_b4 efficientnet_b5
    efficientnet_b6 efficientnet_b7 timm:inception_resnet_v2 capsnet cnn1 nested lenet5
    lenet5_color lenet5_max lenet_3x3
"""

"""Words of other tools, and what answers them here.

A word that is typed as an option, a Python argument, a line of a recipe or a verb, and that is none
here, is looked up in these tables before its spelling is compared with others': `--class-weights` means
`--balance loss`, whatever it looks like. Names that mean exactly the same as one here need no answer,
they are understood (`onestop.recipe.names`).
"""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True)
class Answer:
    """What answers a word.

    Attributes:
        tools: Where the word is from.
        text: An option here, with a value if one is needed; or a sentence on what does it.
    """

    tools: str
    text: str

    @property
    def is_option(self) -> bool:
        """Whether there is an option that does the same."""
        return re.fullmatch(r"--[a-z-]+( \S+)?", self.text) is not None

    def __str__(self) -> str:
        return f"here it is called {self.text}" if self.is_option else self.text


# Spellings (with underscores) | where they are from | the answer
_OPTIONS = """
class_weight class_weights weighted_loss cls_pw | Keras, Ultralytics | --balance loss
weighted_sampler sample_weight sample_weights oversample image_weights | Keras, Ultralytics | --balance loss
pretrained use_pretrained imagenet | Ultralytics, timm, torchvision | --weights default
model_name_or_path backbone base_model model_name architecture network net | Hugging Face, timm | --model
initial_checkpoint ckpt ckpt_path checkpoint load_from init_weights finetune | timm, Lightning, MMPretrain | --weights FILE
resume_from resume_from_checkpoint auto_resume | Hugging Face, MMPretrain | --resume RUN
bs train_batch_size per_device_train_batch_size batch_per_gpu | fastai, Hugging Face | --batch-size
val_batch_size validation_batch_size per_device_eval_batch_size eval_batch_size vb | timm, Keras, Hugging Face | the batch size of evaluation is chosen by OneStop and changes no result
auto_scale_batch_size auto_find_batch_size | Lightning, Hugging Face | if a step runs out of memory, OneStop names a --batch-size that fits
nbs accumulate_grad_batches grad_accum_steps gradient_accumulation_steps | Ultralytics, Lightning, timm, Hugging Face | --accumulate
size img_size_train imgsize im_size resolution target_size train_crop_size val_crop_size crop_size input_size image_sz img | Keras, torchvision, timm | --image-size
resize val_resize_size crop_to_aspect_ratio resize_mode rect | torchvision, Keras, Ultralytics | --fit crop
crop_pct crop_percentage | timm | --crop-fraction
in_chans in_channels color_mode num_channels input_channels | timm, Keras | --channels
num_classes n_classes nc n_out class_names classes class_list class_map | timm, Ultralytics, fastai, Keras | classes are the names of the folders, or of the column 'label'
initial_lr base_lr lr_base lr_max max_lr peak_lr eta | timm, fastai | --lr
auto_lr_find lr_find find_lr | Lightning, fastai | without --lr it is derived; --print-recipe shows the value and why
lrf min_lr lr_min eta_min final_lr | Ultralytics, timm, torchvision | the cosine and one-cycle schedules of --schedule end near zero
cos_lr cosine lr_schedule lr_scheduler_type scheduler sched_type | Ultralytics, Hugging Face, timm | --schedule
lr_step_size step_size lr_drop milestones decay_epochs decay_milestones | torchvision, timm | --step-epochs
gamma lr_gamma decay_rate | torchvision, timm | each drop of --schedule step is to a tenth
warmup lr_warmup_epochs warm_up warmup_steps warmup_ratio warmup_t pct_start | torchvision, Ultralytics, Hugging Face, fastai | --warmup-epochs
warmup_lr warmup_bias_lr warmup_momentum lr_warmup_method lr_warmup_decay | timm, Ultralytics, torchvision | --warmup-epochs starts near zero and changes the learning rate alone
n_epochs num_epochs max_epochs nepochs train_epochs | Lightning, Hugging Face | --epochs
max_steps max_iter iterations steps_per_epoch train_steps min_epochs min_steps | Lightning, Keras, Hugging Face | training is counted in --epochs
freeze_epochs frozen_epochs | fastai | --unfreeze-after
freeze_backbone frozen feature_extract linear_probe train_head_only freeze_layers freeze_at | PyTorch tutorials, MMPretrain | --freeze backbone
layerwise_lr_decay llrd lr_layer_decay | BEiT, MAE | --layer-decay
backbone_lr head_lr lr_head classifier_lr lr_backbone lr_mult encoder_lr | DETR, fastai | --backbone-lr-scale
optim opt_func optimiser solver | Hugging Face, fastai | --optimizer
adam use_adam adamw sgd | others | --optimizer
opt_eps opt_betas betas adam_beta1 adam_beta2 adam_epsilon moms | timm, Hugging Face, fastai | those of the optimizers are torch's defaults
weight_decay_rate l2 decay l2_reg | Keras, others | --weight-decay
norm_weight_decay bias_weight_decay no_bias_decay | torchvision | --decay-all
grad_clip clip max_grad_norm gradient_clip_val clip_grad_norm gradient_clipping clipnorm | Lightning, Hugging Face, torchvision, Keras | --clip-grad
label_smooth ls label_smoothing_factor | Hugging Face | --label-smoothing
loss criterion loss_func loss_fn bce_loss jsd_loss focal_loss | Keras, fastai, timm | the loss follows from the targets: cross entropy of classes, binary cross entropy of labels, squared error of numbers
model_ema use_ema ema_decay model_ema_decay ema_momentum model_ema_steps | timm, torchvision | --ema
early_stopping early_stop early_stopping_patience early_stopping_rounds es_patience | Keras, Hugging Face | --patience
monitor_metric metric_for_best_model eval_metric best_metric selection_metric | Hugging Face, timm | --monitor
metrics metric | Keras, fastai | all metrics of the task are measured; --monitor chooses the best epoch by one
load_best_model_at_end save_best save_best_only restore_best_weights | Hugging Face, Keras | the best epoch by --monitor is always kept
save_period save_strategy save_steps save_total_limit save_freq checkpoint_hist enable_checkpointing save | Ultralytics, Hugging Face, timm | a state to resume from and the best network are always saved
val_split valid_pct validation_split val_size valid_size val_pct train_val_split test_size valid_fraction | fastai, Keras, Hugging Face | --val-fraction
val val_dir valid valid_dir validation validation_dir val_data validation_data valid_folder val_path | Hugging Face, Keras | put them in a folder val beside train, or pass {'train': ..., 'val': ...} in Python
test test_dir test_data test_path | others | put them in a folder test beside train, or use onestop evaluate MODEL --data FOLDER
train_dir train_data dataset data_dir data_path dataset_name root dataset_dir train_folder | Hugging Face, timm, torchvision | the data are the first argument: onestop train FOLDER
train_split split_name | timm | splits are the folders train, val and test, or the column 'split'
fold kfold n_splits cross_validation k_fold | scikit-learn | there is no cross-validation; --seed selects other held-out images
eval_interval val_interval eval_steps eval_strategy evaluation_strategy check_val_every_n_epoch val_check_interval | Hugging Face, Lightning | every epoch is evaluated
limit_train_batches overfit_batches fast_dev_run profile fraction | Lightning, Ultralytics | --dry-run measures a few steps without training
gpu gpus cuda use_cuda ngpu accelerator no_cuda use_cpu cpu gpu_id gpu_ids | Lightning, Hugging Face | --device
devices num_gpus multi_gpu strategy num_nodes world_size local_rank dist_url distributed ddp sync_bn nproc | Lightning, torchvision, timm | one device computes; --device chooses it
half fp_16 use_amp mixed_precision half_precision autocast amp_dtype | Ultralytics, others | --precision
fp16 | Hugging Face | --precision fp16
bf16 | Hugging Face | --precision bf16
tf32 | Hugging Face | --precision tf32
channels_last | timm | --memory-format channels-last
torchcompile torch_compile jit use_compile | timm, Hugging Face, Keras | --compile
use_deterministic_algorithms reproducible cudnn_deterministic | torchvision, Lightning | --deterministic
manual_seed random_seed random_state seed_everything data_seed rng_seed | others | --seed
num_workers n_workers dataloader_num_workers data_workers max_workers | PyTorch, fastai, Hugging Face | --workers
pin_mem pin_memory prefetch no_prefetcher persistent_workers | PyTorch, timm | OneStop sees to how batches reach the device
cache_dataset cache_images cache_ram ram | torchvision, Ultralytics | --cache memory
shuffle drop_last | PyTorch, Keras | training images are shuffled in each epoch, as a function of --seed
augmentation augmentations aug transforms transform item_tfms batch_tfms aug_transforms hflip fliplr horizontal_flip random_flip flip flipud vflip vertical_flip random_crop data_augmentation use_augmentation | Ultralytics, Keras, fastai | --augment
no_aug no_augmentation | timm | --augment none
degrees rotation rotation_range shear zoom_range translate perspective width_shift_range height_shift_range mosaic copy_paste close_mosaic | Ultralytics, Keras | --auto-augment
randaugment rand_augment ra_magnitude trivial_augment autoaugment augmix_severity ra_sampler aug_repeats | torchvision, timm | --auto-augment
hsv_h hsv_s hsv_v jitter colorjitter brightness contrast saturation hue brightness_range | Ultralytics, Keras | --color-jitter
erasing cutout random_erasing remode recount | Ultralytics, timm | --erase
mixup_prob mixup_switch_prob mixup_mode cutmix_minmax | timm | --mixup and --cutmix, each batch uses one of the two
scale ratio random_resized_crop | timm, Ultralytics | --augment resized-crop
tta_flip test_time_augmentation multi_crop | others | --tta
drop dropout drop_rate drop_path drop_path_rate stochastic_depth attn_drop | timm, Ultralytics | dropout belongs to the network; see onestop info NETWORK, or use a network of your own
mean std normalization normalise_by rescale image_mean image_std norm featurewise_center | timm, Keras, Hugging Face | --normalize
interpolation train_interpolation | torchvision, timm | images are resized bilinearly, antialiased, or as published weights expect
run_name experiment exp_name experiment_name exp run_id | Hugging Face, timm | --name
save_dir default_root_dir work_dir log_dir logging_dir results_dir model_dir out_dir runs_dir outdir checkpoint_dir | Lightning, MMPretrain, Hugging Face | --out
exist_ok overwrite_output_dir force | Ultralytics, Hugging Face | a new run never overwrites another: it gets -2, -3, ... after its name
verbose verbosity progress progress_bar enable_progress_bar disable_tqdm silent print_freq log_interval logging_steps log_every_n_steps | Keras, Lightning, Hugging Face | --quiet prints no progress
wandb log_wandb use_wandb wandb_project | timm, others | --track wandb
tensorboard tb use_tensorboard | others | --track tensorboard
logger report_to loggers trackers mlflow | Lightning, Hugging Face | --track
callbacks cbs hooks | Keras, fastai, Lightning | there are no callbacks; examples/own_loop.py has the loop to copy
plots plot visualize | Ultralytics | every run writes report.html with its figures
push_to_hub hub_model_id | Hugging Face | nothing is uploaded
local_files_only no_download local_only | Hugging Face | --offline
single_cls multilabel multi_label label_mode class_mode problem_type | Ultralytics, Keras, Hugging Face | the task follows from the targets; several labels per image: see docs/multilabel.md
image_column image_column_name x_col fn_col | Hugging Face, Keras, fastai | --path-column
label_column_name y_col label_col | Hugging Face, Keras, fastai | --label-column
multi_scale single_scale | Ultralytics | all images of a run have one --image-size
test_only eval_only evaluate_only validate_only do_eval | torchvision, Hugging Face | onestop evaluate MODEL scores a trained model
do_train do_predict mode | Hugging Face, Ultralytics | the first word is a verb: onestop train, evaluate, predict
topk top_k k n_best num_predictions | timm, Hugging Face | --top
conf conf_thres threshold confidence | Ultralytics | --csv and --json have each probability, to be compared with any threshold
model_path weights_path model_file checkpoint_path trained_model | others | the model is the first argument: onestop predict MODEL IMAGES
input inputs image img_path image_path images_dir input_dir | others | images are named after the model: onestop predict MODEL IMAGES
output_file save_txt save_csv results_file save_results | Ultralytics, timm | --csv prints a table; redirect it into a file: > predictions.csv
save_img show show_labels view grid | Ultralytics | --save-grid
iou max_det agnostic_nms nms boxes save_crop | Ultralytics | images are classified here, not searched for objects
""".strip()

_VERBS = """
fit fit_one_cycle fine_tune finetune learn run start continue resume | Keras, fastai, Lightning | train
val validate validation test eval score assess | Ultralytics, Lightning, Keras | evaluate
infer inference detect classify pred label recognize | Ultralytics, Hugging Face | predict
gradcam cam heatmap saliency interpret attribute visualize visualise | Captum, fastai | explain
plot compare html show | others | report
list ls history experiments leaderboard | MLflow, others | runs
check audit clean inspect_data dedupe | cleanlab, fastdup | lint
summary describe stats inspect dataset datasets | Keras, others | info
networks zoo list_models architectures | timm, torchvision | models
""".strip()

# The same where a word means something else in one verb: its name, and a table of its own.
_OF_VERBS = {
    "predict": """
save output out output_dir outfile save_dir project name | Ultralytics, timm | --csv prints a table; redirect it into a file: > predictions.csv
source data model | Ultralytics, torchvision | model and images are named in this order: onestop predict MODEL IMAGES
tta augment | Ultralytics, timm | a model predicts as it was trained: onestop train --tta
""",
    "evaluate": """
val val_dir val_data validation_data test test_dir test_data dataset data_dir source | Ultralytics, Keras, timm | --data
save output out output_dir save_dir results_file project | Ultralytics, timm | --json prints the metrics; redirect it into a file: > metrics.json
model | Ultralytics, torchvision | the model is the first argument: onestop evaluate MODEL
tta augment | Ultralytics, timm | a model predicts as it was trained: onestop train --tta
""",
    "explain": """
class class_name target_class target_category label | Captum, others | --target
target_layer target_layers layer_name conv_layer | Captum, others | --layer
cam cam_method algorithm attribution | Captum, others | --method
save | Ultralytics | --out
""",
    "runs": """
limit n head max_results tail | MLflow, others | --top
filter grep search query filter_string name | MLflow, others | --match
order order_by sort_by metric | MLflow, others | --sort
""",
    "lint": """
fix delete remove clean dedupe | cleanlab, fastdup | lint changes none of your files; lint.json names those it found
""",
    "info": """
""",
}


def _table(text: str) -> dict[str, Answer]:
    table: dict[str, Answer] = {}
    for line in text.splitlines():
        words, tools, answer = (part.strip() for part in line.split("|"))
        table |= {word: Answer(tools, answer) for word in words.split()}
    return table


OPTIONS = _table(_OPTIONS)
"""Answers to names of options and settings, by their spelling in lower case with underscores."""
VERBS = _table(_VERBS)
"""Answers to names of commands: the verb here."""
OF_VERBS = {verb: _table(text.strip()) for verb, text in _OF_VERBS.items()}
"""Answers to names of options of one verb, which go before those of all."""


def answer(word: str, verb: str = "") -> Answer | None:
    """What answers the name of an option or setting; None if no tool of the tables has it.

    Args:
        word: As typed.
        verb: That it was typed to, if that is known.
    """
    plain = word.lstrip("-").replace("-", "_").lower()
    own = OF_VERBS.get(verb, {})
    return own.get(plain) or OPTIONS.get(plain) or OPTIONS.get(plain.removeprefix("no_"))


def answer_to_verb(word: str) -> Answer | None:
    """What answers the name of a command; None if no tool of the table has it."""
    return VERBS.get(word.lower().replace("-", "_"))

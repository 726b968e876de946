"""Is each guard held by a test? Takes guards out of a copy of the package and runs the test of each.

    python -m tests.reliability.guards

A guard is a place in the source, what it becomes when the guard is gone, and the test that must fail
then. A test that passes without its guard holds nothing; this says so and ends with 1.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from tests.reliability.card import tried

ROOT = Path(__file__).parent.parent.parent
_SECONDS = 120  # a test that takes longer without its guard has failed too


@dataclass(frozen=True)
class Guard:
    """A guard and the test that holds it.

    Attributes:
        name: What it guards against.
        file: Below `onestop/`.
        here: Its text, which occurs once in the file.
        gone: What stands there without it.
        test: A file below `tests/` and, behind `::`, which of its tests.
    """

    name: str
    file: str
    here: str
    gone: str
    test: str


GUARDS = (
    # A run that is cut off.
    Guard(
        "a file is flushed before it gets its name", "runtime/files.py",
        "            os.fsync(file.fileno())\n", "",
        "runtime/test_files.py::test_it_is_on_the_disk_before_it_has_its_name",
    ),
    Guard(
        "a file is written under another name", "runtime/files.py",
        'temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")', "temporary = path",
        "reliability/test_crash_points.py",
    ),
    Guard(
        "the state before the newest stays", "training/checkpoint.py",
        "if old not in (self._before, self.last) and", "if old != self.last and",
        "training/test_checkpoint.py::test_the_last_two_states_stay",
    ),
    Guard(
        "the seal is compared", "storage/container.py",
        "if match[1] != _checksum(tensors, metadata):", "if False:",
        "reliability/test_damage.py",
    ),
    Guard(
        "a state without a seal is damaged", "training/checkpoint.py",
        "if content.sealed != _KEY:", "if False:",
        "training/test_checkpoint.py::test_a_state_without_its_checksum_is_damaged",
    ),
    Guard(
        "rows are cut back to the state", "storage/run_folder.py",
        "if 1 - probed <= epoch <= keep_epochs\n", "if 1 - probed <= epoch\n",
        "storage/test_run_folder.py::test_going_on_cuts_back_to_the_epochs_that_count",
    ),
    Guard(
        "what is measured has a column", "storage/run_folder.py",
        "if unknown := [name for name in row if name not in self._columns]:", "if unknown := []:",
        "storage/test_run_folder.py::test_a_value_without_a_column_is_an_error",
    ),
    Guard(
        "notes of a killed process stay", "storage/run_info.py",
        'list(_notes(read_object(self.path).get("notes")) or ())', "[]",
        "storage/test_run_info.py::test_going_on_keeps_notes_and_repeats_none",
    ),
    Guard(
        "no run ends for a note", "storage/run_info.py",
        "with contextlib.suppress(OneStopError):", "if True:",
        "storage/test_run_info.py::test_a_note_that_could_not_be_written_comes_later",
    ),
    Guard(
        "leftovers of a killed process are removed", "storage/own_files.py",
        'in place.glob(".*.tmp"):', "in ():",
        "reliability/test_going_on.py::test_leftovers_of_a_killed_process_are_removed",
    ),
    Guard(
        "other arithmetic is refused", "jobs/resume.py",
        "        if not inexact:\n", "        if False:\n",
        "reliability/test_going_on.py::test_going_on_with_other_arithmetic_is_refused_unless_allowed",
    ),
    Guard(
        "scoring asks for signals", "inference/score.py",
        "            check()\n", "",
        "reliability/test_going_on.py::test_a_signal_while_scoring",
    ),
    Guard(
        "reading asks for signals", "data/prefetch.py",
        "            check()\n            yield [load", "            yield [load",
        "data/test_prefetch.py::test_a_signal_ends_it_between_two_batches",
    ),
    Guard(
        "waiting for a decoder asks for signals", "data/prefetch.py",
        "ASK.append(check)", "",
        "data/test_prefetch.py::test_a_signal_is_noticed_while_an_image_is_decoded",
    ),
    Guard(
        "a signal ends what has nothing to save at once", "runtime/signals.py",
        "        if self._at_once:\n", "        if False:\n",
        "runtime/test_signals.py::test_where_nothing_is_to_be_saved_a_signal_stops_at_once",
    ),
    Guard(
        "the end waits for no decoder", "cli.py",
        "    if left_behind():\n", "    if False:\n",
        "test_cli.py::test_the_end_waits_for_no_thread_that_is_left_behind",
    ),
    Guard(
        "a failed save is tried again", "training/checkpointer.py",
        "if self._failures == len(PAUSES):", "if True:",
        "reliability/test_failing_disk.py::test_a_save_that_fails_once_changes_nothing",
    ),
    Guard(
        "free space is looked at first", "training/checkpointer.py",
        "if free + already < needed:", "if False:",
        "reliability/test_failing_disk.py::test_too_little_room_is_said_before_the_first_step",
    ),
    Guard(
        "one process a run folder", "storage/run_folder.py",
        "lock.acquire(timeout=0)\n    except Timeout:\n        raise",
        "pass\n    except Timeout:\n        raise",
        "storage/test_run_folder.py::test_another_process_is_refused",
    ),
    # A run whose statistics cannot be trusted.
    Guard(
        "statistics of few steps are computed anew", "training/norm_layers.py",
        "return self.pace.begins < step < self.trusted_from", "return False",
        "training/test_running_statistics.py::"
        "test_a_network_of_few_steps_is_scored_as_it_has_learned",
    ),
    Guard(
        "... with those of the average of the weights lagging behind", "training/norm_layers.py",
        "averaged = lag * averaged + (1 - lag) * left", "averaged = left",
        "training/test_norm_layers.py",
    ),
    Guard(
        "... in a copy", "training/running_statistics.py",
        "fresh = copy.deepcopy(network).eval()", "fresh = network.eval()",
        "training/test_running_statistics.py::"
        "test_the_network_that_is_trained_stays_as_it_is",
    ),
    Guard(
        "frozen layers keep their statistics", "training/norm_layers.py",
        "module.running_mean is not None and module.training", "module.running_mean is not None",
        "training/test_norm_layers.py",
    ),
    Guard(
        "one answer to everything is said", "jobs/finish.py",
        "if collapse := session.task.collapse(predictions):", 'if collapse := "":',
        "jobs/test_finish.py",
    ),
    Guard(
        "a rate that explodes is lowered", "jobs/run.py",
        "        if trial.covers(training.progress.step):\n", "        if False:\n",
        "jobs/test_derived_rate.py",
    ),
    Guard(
        "a rate that was set is not", "jobs/derived_rate.py",
        'if "lr" not in planned.whys:', "if False:",
        "jobs/test_derived_rate.py",
    ),
    Guard(
        "states of the first attempt go before its rate", "jobs/derived_rate.py",
        "    States(folder / STATE).remove()\n", "",
        "jobs/test_derived_rate.py",
    ),
    Guard(
        "a state holds what the trial knows", "jobs/resume.py",
        """    about["trial"] = list(saved.about.get("trial", ()))\n""", "",
        "jobs/test_derived_rate.py::test_a_run_that_was_stopped_on_the_way_ends_the_same",
    ),
    Guard(
        "an epoch without finite outputs is never the best", "training/state.py",
        'if not outputs_finite({"loss": loss}):', "if False:",
        "training/test_state.py",
    ),
    Guard(
        "weights without finite outputs are not kept", "jobs/finite.py",
        "if outputs_finite(session.judge(session.training.scored)):\n        return True",
        "return True",
        "jobs/test_finite.py",
    ),
    # Files from strangers.
    Guard(
        "pickles are opened for tensors alone", "storage/torch_files.py",
        "weights_only=True)", "weights_only=False)",
        "reliability/test_strangers.py::test_the_only_reader_of_pickles_asks_for_weights_alone",
    ),
    Guard(
        "pipes and devices are not opened as weights", "storage/torch_files.py",
        "if not stat.S_ISREG(status.st_mode):", "if False:",
        "reliability/test_strangers.py::test_nothing_of_it_is_run_or_written",
    ),
    Guard(
        "archives are looked at before they are opened", "storage/torch_files.py",
        "problem = _problem(members, names, size)", 'problem = ""',
        "reliability/test_strangers.py",
    ),
    Guard(
        "the values of a card are checked", "storage/model_file.py",
        "card = _adapter().validate_python({k: v for k, v in values.items() if k in known})",
        "card = Card(**{k: v for k, v in values.items() if k in known})",
        "reliability/test_fuzz.py::test_cards_of_models",
    ),
    Guard(
        "a preprocessing must make sense", "data/preprocess.py",
        "if known and preprocessing.is_possible():", "if known:",
        "data/test_preprocess.py::test_a_stored_preprocessing_that_cannot_be_carried_out_is_refused",
    ),
    Guard(
        "the values of a state are checked", "training/checkpoint.py",
        "            TypeAdapter(_Header).validate_python(header)\n", "            pass\n",
        "training/test_checkpoint.py::test_a_sealed_state_that_is_none_is_damaged",
    ),
    # Run folders of others.
    Guard(
        "temporary names cannot be foreseen", "runtime/files.py",
        '{secrets.token_hex(4)}', "{os.getpid()}",
        "runtime/test_files.py::test_temporary_names_cannot_be_foreseen",
    ),
    Guard(
        "a planted temporary name is not written through", "runtime/files.py",
        'temporary.open("xb")', 'temporary.open("wb")',
        "runtime/test_files.py::test_a_planted_temporary_name",
    ),
    Guard(
        "a log is not written through a link", "runtime/files.py",
        "flags | _NO_LINK | NO_WAITING", "flags | NO_WAITING",
        "runtime/test_files.py::test_a_log_is_not_written_through_a_link",
    ),
    Guard(
        "a log has one name", "runtime/files.py",
        "if stat.S_ISREG(status.st_mode) and status.st_nlink == 1:", "if True:",
        "runtime/test_files.py::test_a_log_is_not_written_through_a_link",
    ),
    Guard(
        "no folder is taken behind a link", "runtime/files.py",
        'elif kind != "folder":', "elif False:",
        "training/test_checkpoint.py::test_no_state_is_written_through_a_link",
    ),
    Guard(
        "a lock is a file of its own", "storage/run_folder.py",
        "if not is_single(folder / LOCK):", "if False:",
        "storage/test_own_files.py::test_a_lock_that_is_another_file",
    ),
    Guard(
        "a run writes only to what is its own", "jobs/resume.py",
        "    require_own(folder)\n", "",
        "reliability/test_run_folders.py::test_a_log_that_leads_elsewhere",
    ),
    Guard(
        "a report is not written through a link", "verbs/report.py",
        "        require_own(folders[0], (REPORT, CONFUSION))\n", "        pass\n",
        "reliability/test_run_folders.py::test_a_report_is_not_written_through_a_link",
    ),
    Guard(
        "only states are removed", "storage/own_files.py",
        "if re.fullmatch(_STATE_FILE, path.name)]", "if path.is_file()]",
        "training/test_checkpoint.py::test_only_states_are_removed",
    ),
    Guard(
        "only temporary names of ours are removed", "storage/own_files.py",
        "if _TEMPORARY.fullmatch(path.name) and", "if",
        "storage/test_own_files.py::test_leftovers_are_removed_and_nothing_else",
    ),
    Guard(
        "pipes and devices are not waited for", "reading.py",
        "os.O_RDONLY | NO_WAITING | _BINARY", "os.O_RDONLY | _BINARY",
        "test_reading.py::test_what_is_not_a_file_is_refused_at_once",
    ),
    Guard(
        "what is parsed whole has a limit", "reading.py",
        "if len(content) > most:", "if False:",
        "test_reading.py::test_a_file_is_read_up_to_its_limit",
    ),
    Guard(
        "code that a run folder names is not run", "jobs/permission.py",
        'if names_code(model) and not named.get("model"):', "if False:",
        "jobs/test_permission.py::test_code_that_a_run_folder_names_is_not_run",
    ),
    Guard(
        "a recipe in a run folder names no code", "jobs/planning.py",
        "if recipe is None or not is_in_run(recipe):", "if True:",
        "jobs/test_permission.py::test_a_recipe_in_a_run_folder_does_not_name_code",
    ),
    Guard(
        "data that a run names are not downloaded", "data/sources/builtin.py",
        "            if not download:\n", "            if False:\n",
        "jobs/test_permission.py::test_data_that_a_run_names_are_not_downloaded",
    ),
    Guard(
        "weights that a run names are not downloaded", "training/initial_weights.py",
        "published = published_weights(entry, which, download=download)",
        "published = published_weights(entry, which)",
        "jobs/test_permission.py::test_weights_that_a_run_names_are_not_downloaded",
    ),
    Guard(
        "metrics are not sent because a run says so", "jobs/permission.py",
        '        require_named(stored.get("track") or "none", folder)\n', "        pass\n",
        "tracking/test_wandb.py::test_a_run_folder_does_not_send_to_wandb_by_itself",
    ),
    Guard(
        "an address in a run is not connected to", "tracking/mlflow.py",
        '{"uri": default_uri()}', '{"uri": opening.known.get("uri") or default_uri()}',
        "tracking/test_mlflow.py::test_a_run_folder_does_not_say_where_metrics_go",
    ),
    Guard(
        "a network is compared before it is built", "inference/load.py",
        "        if without_values and without_values[1]:\n", "        if False:\n",
        "inference/test_load.py::test_a_network_is_compared_with_its_tensors",
    ),
    Guard(
        "images that fit no memory are refused", "inference/load.py",
        "    if needed <= free:\n", "    if True:\n",
        "inference/test_load.py::test_images_too_large_for_the_memory",
    ),
    Guard(
        "a lost best network is told first", "jobs/resume.py",
        "        _require_best(folder, session)\n", "        pass\n",
        "reliability/test_run_folders.py::test_a_best_network_that_is_lost",
    ),
    Guard(
        "metrics of a run are checked", "storage/final_metrics.py",
        "kept, wrong = parts(values, kinds)", "kept, wrong = dict(values), []",
        "storage/test_final_metrics.py::test_a_damaged_value_costs_its_key",
    ),
    Guard(
        "a bad run hides no other", "verbs/runs.py",
        "    except OSError:\n        row =", "    except ZeroDivisionError:\n        row =",
        "verbs/test_runs.py::test_a_folder_that_cannot_be_read_hides_no_other",
    ),
    Guard(
        "a cache file is of these images", "data/disk_cache.py",
        "                _require_fit(stored.about, job)\n", "",
        "data/test_disk_cache.py::test_a_file_with_a_right_checksum_and_wrong_values",
    ),
    # Bad inputs.
    Guard(
        "pipes and devices are not opened as images", "images/formats.py",
        "if not stat.S_ISREG(status.st_mode):", "if False:",
        "images/test_formats.py::test_a_pipe_is_refused_and_not_waited_for",
    ),
    Guard(
        "decompression bombs are refused", "images/formats.py",
        "if image.width * image.height > limit:", "if False:",
        "reliability/test_bad_inputs.py",
    ),
    Guard(
        "only formats on the list are opened", "images/formats.py",
        "image = Image.open(file, formats=formats())", "image = Image.open(file)",
        "images/test_formats.py::test_files_that_are_not_read_say_why",
    ),
    Guard(
        "a second decoder looks for damage", "images/jpeg.py",
        '    return "" if _warning(data, strict=False) else warning', '    return ""',
        "reliability/test_bad_inputs.py",
    ),
    Guard(
        "a missing end is told from a missing rest", "images/jpeg.py",
        "if not data.endswith(_END) and not _warning(complete, strict=True) else None", "",
        "reliability/test_bad_inputs.py",
    ),
    Guard(
        "pixels that are no numbers are refused", "images/deep.py",
        "if not all_finite(values):", "if False:",
        "reliability/test_bad_inputs.py",
    ),
    Guard(
        "EXIF turns are applied", "images/strips.py",
        "image if turn is None else image.transpose(turn)", "image",
        "images/test_decode.py::test_every_orientation_is_turned_upright",
    ),
    Guard(
        "16 bits are scaled", "images/decode.py",
        "    if deep:\n        return _in_8_bits", "    if deep and False:\n        return _in_8_bits",
        "images/test_decode.py::test_grey_of_sixteen_bits_is_scaled_and_not_cut_off",
    ),
    Guard(
        "a model scales all images alike", "data/preprocess.py",
        "pixels_of(value, self.channels, remark, self.pixel_range)",
        'pixels_of(value, self.channels, remark, "image")',
        "test_pixel_range.py::test_one_image_alone_is_scaled_like_all_others",
    ),
    Guard(
        "a hot pixel does not set the range", "data/value_counts.py",
        "        near = (lowest >= lowest[first] - width) & (highest <= highest[last] + width)\n",
        "        near = lowest == lowest\n",
        "data/test_value_counts.py::test_hot_pixels_count_for_nothing",
    ),
    Guard(
        "values that are cut off are mentioned", "images/decode.py",
        "if outside > NOTICED * count:", "if False:",
        "test_pixel_range.py::test_what_lies_outside_is_clipped_and_said",
    ),
    Guard(
        "cached pixels are of one range", "data/decoded.py",
        'return {"pixel_range": self.preprocessing.pixel_range}', "return {}",
        "test_pixel_range.py::test_neither_cache_nor_threads_matter",
    ),
    Guard(
        "unsigned values do not wrap", "images/deep.py",
        "if values.dtype == np.int32 and unsigned:", "if False:",
        "images/test_deep.py::test_unsigned_32_bits_do_not_wrap",
    ),
    Guard(
        "swapped bytes are put right", "images/deep.py",
        'if tiles and tiles[0].codec_name == "libtiff":', "if False:",
        "images/test_deep.py::test_greys_of_every_type_in_every_order_of_bytes",
    ),
    Guard(
        "--strict stops", "jobs/run.py",
        "    require_none_skipped(skipped_files(session), session.plan.dataset.name)\n", "",
        "reliability/test_bad_inputs.py::test_strict_stops_before_the_first_step",
    ),
    Guard(
        "links in a circle are followed once", "data/sources/walk.py",
        "            if identity(place) in seen:", "            if False:",
        "data/sources/test_folder.py::test_a_link_in_a_circle_is_visited_once",
    ),
    Guard(
        "a split has no class of its own", "data/sources/labels.py",
        "if unknown := sorted(name for name in set(labels) if key_of(name) not in known):",
        "if unknown := []:",
        "reliability/test_bad_folders.py::test_a_bad_folder_is_refused_or_handled",
    ),
    # Layouts, labels and tables.
    Guard(
        "folders that repeat each other are no classes", "data/sources/layout.py",
        "        judge.refuse_repeated(folders)\n        if", "        if",
        "data/sources/test_layout.py::test_folders_that_all_hold_the_same_names_are_refused",
    ),
    Guard(
        "splits without labels are no classes", "data/sources/split_folders.py",
        "        raise without_labels(top, [f for f in marked if f.holds], source)\n",
        "        return False\n",
        "data/sources/test_layout.py::test_no_classes_are_made_of_unlabelled_splits",
    ),
    Guard(
        "splits below classes are found", "data/sources/layout.py",
        "or judge.splits_below(top, folders)", "",
        "data/sources/test_layout.py::test_splits_below_classes",
    ),
    Guard(
        "masks are no images of a class", "data/sources/folder.py",
        "labelled=True, without=layout.masks", "labelled=False",
        "data/sources/test_folder.py::test_masks_are_no_images_of_their_class",
    ),
    Guard(
        "images are told by content", "data/sources/walk.py",
        "        if format_of(Path(path)):\n            return \"\"\n", "        pass\n",
        "data/sources/test_folder.py::test_images_without_a_suffix_are_images",
    ),
    Guard(
        "a missing label is no class", "data/sources/python_targets.py",
        "if (index := missing.missing_at(part)) is not None:", "if (index := None) is not None:",
        "data/sources/test_python_targets.py::test_a_missing_label_is_refused_with_its_index",
    ),
    Guard(
        "a word for a missing label is no class", "data/sources/table.py",
        "if not options.literal_labels and missing.is_word(label):", "if False:",
        "data/sources/test_table.py::test_words_for_a_missing_label_are_refused_unless_a_person_says_that",
    ),
    Guard(
        "held-out rows are found under any name", "data/sources/table.py",
        "splits = find_split_columns(table, taken, flags=flags)", "splits = SplitColumns()",
        "data/sources/test_table.py::test_held_out_rows_are_not_trained_on",
    ),
    Guard(
        "names are one in any encoding", "data/names.py",
        'return unicodedata.normalize("NFC", text)', "return text",
        "data/sources/test_folder.py::test_classes_of_splits_are_matched_in_any_encoding",
    ),
    Guard(
        "a number for each image is no class", "data/sources/labels.py",
        "        _refuse_measurements(names[\"train\"], source)\n", "        pass\n",
        "data/sources/test_table.py::test_numbers_of_a_table_are_predicted_if_a_person_says_so",
    ),
    Guard(
        "another table's images are not looked for in the folder of the first", "data/__init__.py",
        "    other = {*OF_ONE_TABLE}\n", "    other: set[str] = set()\n",
        "data/test_data.py::test_what_another_table_does_not_share_is_not_taken_over",
    ),
    Guard(
        "a failed download leaves no folders", "data/sources/builtin.py",
        "                folder.rmdir()\n", "                pass\n",
        "data/sources/test_builtin.py::test_a_failed_download_leaves_no_folders",
    ),
    Guard(
        "formulas are marked in CSV files", "runtime/csv_files.py",
        '        return f"\'{value}"\n', "        return value\n",
        "reliability/test_bad_folders.py::test_names_of_classes_are_escaped_where_they_could_be_run",
    ),
    Guard(
        "a strip of pixels is cut first", "data/preprocess.py",
        'if self.fit == "crop" and max(', "if False and max(",
        "data/test_preprocess.py::test_a_strip_takes_no_gigabytes",
    ),
    # Files that take long.
    Guard(
        "reads of a file are counted", "images/work.py",
        "        if self.reads_left < 0:\n", "        if False:\n",
        "images/test_work.py::test_a_file_that_is_read_too_often_is_refused",
    ),
    Guard(
        "scans of a JPEG are counted", "images/jpeg.py",
        "save it again\" if scans > most else", "save it again\" if False else",
        "images/test_work.py::test_scans_are_limited_by_number_and_by_pixels",
    ),
    Guard(
        "EXIF blocks are counted", "images/jpeg.py",
        "    if markers.exif_blocks > _EXIF_BLOCKS:\n", "    if False:\n",
        "reliability/test_slow_files.py",
    ),
    Guard(
        "strips of a TIFF are counted", "images/tiff.py",
        "    if directory.values > _STRIPS:\n", "    if False:\n",
        "images/test_work.py::test_tiffs_are_limited_in_tags_strips_and_tiles",
    ),
    Guard(
        "tiles of a TIFF are measured", "images/tiff.py",
        "    if width * height > _TILE:\n", "    if False:\n",
        "images/test_work.py::test_tiffs_are_limited_in_tags_strips_and_tiles",
    ),
    Guard(
        "images in digits are limited", "images/work.py",
        "    if len(data) > _DIGITS:\n", "    if False:\n",
        "images/test_work.py::test_images_in_digits_are_limited",
    ),
    Guard(
        "what is decoded in Python is limited", "images/formats.py",
        "    if problem := excess_for_python(image):\n", "    if problem := \"\":\n",
        "images/test_work.py::test_large_images_that_are_decoded_in_python_are_refused",
    ),
    Guard(
        "an image that takes too long is given up", "images/time_limit.py",
        "[thread for thread in self._threads if thread.is_overdue()]", "()",
        "images/test_time_limit.py::test_what_takes_too_long_is_a_bad_image",
    ),
    Guard(
        "few threads are left behind", "images/time_limit.py",
        "        if len(names := left_behind()) > MOST_LEFT:\n",
        "        if names := []:\n",
        "images/test_time_limit.py::test_too_many_at_once_end_the_work_with_their_names",
    ),
    Guard(
        "images are converted in strips", "images/strips.py",
        "    rows = max(1, STRIP // width)\n", "    rows = height\n",
        "reliability/test_memory.py",
    ),
    Guard(
        "the system's own folders are refused", "data/sources/scan.py",
        "    if kind := system_kind(folder):\n", "    if kind := \"\":\n",
        "data/sources/test_scan.py::test_prediction_refuses_them_too",
    ),
    Guard(
        "folders are entered to a depth", "data/sources/scan.py",
        "    if depth > MOST_DEPTH:\n", "    if False:\n",
        "data/sources/test_scan.py::test_a_very_deep_tree_ends",
    ),
    Guard(
        "files of a source are counted", "data/sources/scan.py",
        "        if entries > MOST_ENTRIES:\n", "        if False:\n",
        "data/sources/test_scan.py::test_too_many_files_are_refused",
    ),
    # Figures that would be silently wrong.
    Guard(
        "figures of an old network go before it changes", "jobs/run.py",
        "        withdraw(folder)\n", "        pass\n",
        "reliability/test_staleness.py::test_killed_at_any_write_a_run_tells",
    ),
    Guard(
        "a file of ours is told by its beginning", "storage/derived.py",
        'if kind_of(path) == "file" and re.match(_BEGINNINGS[name], _begin(path)):',
        'if kind_of(path) == "file":',
        "storage/test_derived.py::test_a_file_of_its_name_that_is_not_ours_stays",
    ),
    Guard(
        "changed images are noticed by content", "jobs/resume.py",
        'kind = "content" if saved.about.get("content") else "data"', 'kind = "data"',
        "reliability/test_going_on.py::test_changed_images_of_equal_size_are_refused",
    ),
    Guard(
        "held-out images are those of training", "inference/held_out.py",
        "    if record is None:\n        dataset = trained_on(recipe or card.recipe, data_root)\n",
        "    if True:\n        dataset = trained_on(recipe or card.recipe, data_root)\n",
        "verbs/test_evaluate.py::test_images_that_were_added_change_nothing_and_are_counted",
    ),
    Guard(
        "training images among those scored are counted", "inference/held_out.py",
        "    if not count:\n", "    if True:\n",
        "inference/test_held_out.py::test_images_that_were_trained_on_are_counted",
    ),
    Guard(
        "variables that choose kernels are recorded", "runtime/arithmetic.py",
        'return " ".join(chosen) or "none"', 'return "none"',
        "runtime/test_arithmetic.py::test_variables_that_choose_kernels_are_named",
    ),
    Guard(
        "arithmetic is probed", "runtime/arithmetic.py",
        "        for part in _on_tensors(engine):\n", "        for part in ():\n",
        "runtime/test_arithmetic.py::test_the_probe_notices_what_has_no_name",
    ),
    # Answers and output.
    Guard(
        "an output that is not finite is no answer", "inference/model.py",
        "            if fine:\n", "            if True:\n",
        "verbs/test_output.py::test_an_image_without_a_finite_output_is_an_error",
    ),
    Guard(
        "nor is it scored", "inference/score.py",
        "    if wrong:\n", "    if False:\n",
        "verbs/test_output.py::test_evaluate_and_explain_refuse_it",
    ),
    Guard(
        "JSON has no NaN", "runtime/json_text.py",
        "return value if math.isfinite(value) else None", "return value",
        "runtime/test_json_text.py::test_numbers_that_are_not_finite_are_null",
    ),
    Guard(
        "JSON has no control characters", "runtime/json_text.py",
        'return "".join(c if c == "\\n" or c.isprintable() else _escaped(c) for c in text)',
        "return text",
        "runtime/test_json_text.py::test_what_is_not_printable_is_escaped_and_comes_back",
    ),
    Guard(
        "errors are one printable line", "errors.py",
        "super().__init__(one_line(message))", "super().__init__(message)",
        "test_errors.py::test_a_message_is_one_printable_line",
    ),
    # Settings and the Python door.
    Guard(
        "what a network cannot be trained on is refused first", "training/plan.py",
        "        refuse_impossible(recipe, network, heads, preprocessing.shape)\n", "        pass\n",
        "training/test_feasibility.py::test_train_says_it_before_it_makes_a_folder",
    ),
    Guard(
        "an unknown type is named before anything is read", "images/forms.py",
        '    raise UsageError(f"image of type {type(image).__name__}: {_WANTED}")\n',
        "    return image\n",
        "data/test_inputs.py::test_other_types_are_named_before_anything_is_read",
    ),
    Guard(
        "URLs are not opened", "images/forms.py",
        "    if _URL.match(text):\n", "    if False:\n",
        "images/test_forms.py::test_anything_else_is_named_in_one_line",
    ),
    Guard(
        "data sets that number classes differently are not strung together",
        "data/sources/python_sets.py",
        "if len(different) > 1 and all(different):", "if False:",
        "data/sources/test_python_sets.py::"
        "test_data_sets_that_number_their_classes_differently_are_not_strung_together",
    ),
    Guard(
        "a prefix that fits by chance renames nothing", "networks/partial_load.py",
        "if item[1] >= least]", "if True]",
        "networks/test_partial_load.py::"
        "test_a_few_layers_that_fit_by_chance_are_no_reason_to_rename",
    ),
    Guard(
        "a folder without access is not said to lack its recipe", "storage/run_folder.py",
        "except (FileNotFoundError, NotADirectoryError, ValueError):", "except (OSError, ValueError):",
        "storage/test_run_folder.py::"
        "test_a_folder_without_access_is_not_said_to_lack_its_recipe",
    ),
    Guard(
        "texts of options are read from the source without docstrings", "recipe/docstrings.py",
        '        tree = ast.parse(textwrap.dedent(inspect.getsource(thing)))\n', '        return ""\n',
        "recipe/test_docstrings.py::test_docstrings_come_from_memory_or_from_the_source",
    ),
    Guard(
        "a page that cannot be made costs itself", "jobs/run.py",
        "    except Exception as error:  # hours", "    except ZeroDivisionError as error:  # hours",
        "jobs/test_secondary.py::test_a_run_is_complete_without_figures",
    ),
    # A look at the data.
    Guard(
        "mirror images are compared", "linting/near_duplicates.py",
        "for mirrored in (False, True):", "for mirrored in (False,):",
        "linting/test_near_duplicates.py::test_copies_are_found_among_others",
    ),
    Guard(
        "crops are compared", "linting/near_duplicates.py",
        "windows = (_WHOLE, *CROPS) if", "windows = (_WHOLE,) if",
        "linting/test_near_duplicates.py::test_copies_are_found_among_others",
    ),
    Guard(
        "chance agreement is reckoned with", "linting/near_duplicates.py",
        "min(_NEVER_ABOVE, _random_agreement(detail))", "0.0",
        "verbs/test_lint.py::test_sets_known_by_name_and_arrays",
    ),
    Guard(
        "a leak ends with 3", "display/printing.py",
        "return 3 if isinstance(result, Lint) and result.leaks and not allow_leaks else 0", "return 0",
        "verbs/test_lint.py::test_copies_across_splits_are_leaks_and_end_with_3",
    ),
    Guard(
        "training warns of leaks", "jobs/run.py",
        "if problems := warning(plan.dataset):", 'if problems := "":',
        "verbs/test_lint.py::test_training_warns_of_what_is_cheap_to_find",
    ),
)  # fmt: skip


def main() -> int:
    """Take out each guard in turn; the exit code."""
    held = 0
    for guard in GUARDS:
        begun = time.perf_counter()
        failed, told = fails_without(guard)
        held += failed
        seconds = time.perf_counter() - begun
        print(
            f"{'held' if failed else 'NOT HELD':8} {seconds:4.0f} s  {guard.name}: {told}",
            flush=True,
        )
    if held == len(GUARDS):
        tried("guards taken out: the test of each fails", f"{held}")
    else:
        print(f"{held} of {len(GUARDS)} guards are held by their tests")
    return int(held < len(GUARDS))


def fails_without(guard: Guard) -> tuple[bool, str]:
    """Whether the guard's test fails without it, and what it said."""
    with tempfile.TemporaryDirectory() as folder:
        for name in ("onestop", "tests", "recipes", "docs", "examples", "benchmarks"):
            ignore = shutil.ignore_patterns("__pycache__")
            shutil.copytree(ROOT / name, Path(folder) / name, ignore=ignore)
        for name in ("pyproject.toml", "README.md", "CHANGELOG.md", "Makefile", "CONTRIBUTING.md"):
            shutil.copy(ROOT / name, folder)
        changed = Path(folder) / "onestop" / guard.file
        text = changed.read_text(encoding="utf-8")
        assert text.count(guard.here) == 1, f"{guard.file}: {guard.here!r}"
        changed.write_text(text.replace(guard.here, guard.gone), encoding="utf-8")
        path, _, name = guard.test.partition("::")
        words = ["-q", "-x", "--tb=line", "-p", "no:cacheprovider", f"tests/{path}"]
        words += ["-k", name] if name else []
        space = {**os.environ, "PYTHONPATH": folder, "OMP_NUM_THREADS": "1"}
        try:
            done = subprocess.run(
                [sys.executable, "-m", "pytest", *words],
                cwd=folder, env=space, capture_output=True, text=True, errors="replace", check=False,
                timeout=_SECONDS,
            )  # fmt: skip
        except subprocess.TimeoutExpired:
            return True, f"{guard.test}: hung"
    last = done.stdout.strip().splitlines()[-1] if done.stdout.strip() else done.stderr[-200:]
    return done.returncode == 1, f"{guard.test}: {last}"


if __name__ == "__main__":
    sys.exit(main())

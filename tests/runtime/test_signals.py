"""Ctrl-C and SIGTERM as a flag that loops ask for."""

from __future__ import annotations

import os
import signal
import threading

import pytest

from onestop.runtime.signals import Stop, Stopped, check


def test_outside_a_run_signals_do_what_they_always_do() -> None:
    check()
    with Stop() as stop:
        check()
        stop.requested = True
        with pytest.raises(Stopped):
            check()
    check()


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 75)])
def test_a_signal_only_sets_the_flag_and_its_code(number: signal.Signals, code: int) -> None:
    before = signal.getsignal(number)
    with Stop() as stop:
        os.kill(os.getpid(), number)
        assert stop.requested
        assert stop.exit_code == code
        with pytest.raises(Stopped):
            check()
    assert signal.getsignal(number) is before


def test_a_second_ctrl_c_stops_at_once() -> None:
    with Stop():
        os.kill(os.getpid(), signal.SIGINT)
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)


def test_in_another_thread_no_handler_is_touched() -> None:
    handlers = []

    def work() -> None:
        with Stop():
            handlers.append(signal.getsignal(signal.SIGTERM))

    before = signal.getsignal(signal.SIGTERM)
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert handlers == [before]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_where_nothing_is_to_be_saved_a_signal_stops_at_once(number: signal.Signals) -> None:
    def stay(stop: Stop) -> None:
        with stop.at_once():
            os.kill(os.getpid(), number)
            pytest.fail("it went on")

    with Stop() as stop:
        with pytest.raises(Stopped):
            stay(stop)
        assert stop.requested
        with pytest.raises(Stopped):  # before it begins
            stay(stop)
    with Stop() as stop:
        with stop.at_once():
            pass
        os.kill(os.getpid(), number)
        assert stop.requested

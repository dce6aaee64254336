"""The thread that owns a model, against a fake openvino-genai that counts what is asked of it."""

from __future__ import annotations

import asyncio
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import CancelledError, Future
from pathlib import Path

import pytest

from tests.support.genai import Pipeline, World, write_gguf
from tune.completion import Completion, Message, Request
from tune.errors import AnswerError, EndpointError, InputError, TransientError
from tune.providers.local.model import LoadedModel

PATIENCE = 20
"""Seconds after which something hangs."""


class Bench:
    """A loaded fake model, and a short way to ask it."""

    def __init__(self, world: World, path: Path) -> None:
        self.world = world
        self.model = LoadedModel(path, world)
        self.model.loaded.result(PATIENCE)

    def ask(
        self,
        prompt: str | tuple[Message, ...],
        n: int = 1,
        *,
        first: int = 0,
        cap: int = 50,
        stop: tuple[str, ...] = (),
        **settings: float,
    ) -> Future[list[Completion]]:
        request = Request(
            "local:fake", "fake", prompt, cap, stop, tuple(sorted(settings.items()))
        )
        return self.model.submit(
            self.model.encode(prompt), request, settings, range(first, first + n)
        )

    def hold(self) -> threading.Event:
        """Let the next step wait, so that a test can ask for several things at once."""
        go, held = threading.Event(), threading.Event()

        def stepped(pipeline: Pipeline) -> None:
            held.set()
            assert go.wait(PATIENCE)
            self.world.stepped = lambda pipeline: None

        self.world.stepped = stepped
        self.ask("hold")
        assert held.wait(PATIENCE)
        self.world.log.clear()
        self.world.configs.clear()
        return go


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def bench(world: World, tmp_path: Path) -> Iterator[Bench]:
    bench = Bench(world, write_gguf(tmp_path / "fake.gguf"))
    yield bench
    world.stepped = lambda pipeline: None
    bench.model.end()


def texts(future: Future[list[Completion]]) -> list[str]:
    return [completion.text for completion in future.result(PATIENCE)]


# Answers


def test_an_answer_has_everything_that_a_completion_says(bench: Bench):
    (got,) = bench.ask("say é").result(PATIENCE)
    assert got.seconds > 0
    assert got == Completion(
        "é0",
        "stop",
        prompt_tokens=6,
        completion_tokens=4,
        seconds=got.seconds,
        model="fake",
        token_ends=(0, 1, 2),
    )


def test_an_answer_at_its_cap_ends_by_length(bench: Bench):
    (got,) = bench.ask("say something", cap=4).result(PATIENCE)
    assert (got.text, got.finish_reason, got.completion_tokens) == ("some", "length", 4)


def test_a_stop_string_is_taken_away_and_its_tokens_are_counted(bench: Bench):
    (got,) = bench.ask("say something", stop=("me", "")).result(PATIENCE)
    assert (got.text, got.finish_reason, got.completion_tokens, got.token_ends) == (
        "so",
        "stop",
        4,
        (1, 2),
    )
    assert bench.world.configs[-1].stop_strings == {"me"}
    assert bench.world.configs[-1].include_stop_str_in_output


def test_a_stop_string_with_the_last_token_under_the_cap_stops(bench: Bench):
    assert (
        bench.ask("say some", cap=4, stop=("e",)).result(PATIENCE)[0].finish_reason
        == "stop"
    )


def test_hundreds_of_askers_get_their_own_answers(bench: Bench):
    futures = {i: bench.ask(f"say {i}:", 2) for i in range(300)}
    assert all(
        sorted(texts(future)) == [f"{i}:0", f"{i}:1"] for i, future in futures.items()
    )
    assert bench.world.widest <= 128


def test_draws_are_not_in_the_order_of_their_likelihood(bench: Bench):
    """The pipeline gives the likeliest first; then `the first of n` would be better than a draw."""
    firsts = Counter(texts(bench.ask(f"say {i}:", 3))[0][-1] for i in range(120))
    assert set(firsts) == {"0", "1", "2"}
    assert min(firsts.values()) > 20


def test_the_same_call_has_the_same_seed_and_order_again(bench: Bench):
    one, other = bench.ask("say a", 5), bench.ask("say a", 5)
    assert texts(one) == texts(other)
    later = bench.ask("say a", 5, first=5)
    later.result(PATIENCE)
    seeds = [config.rng_seed for config in bench.world.configs]
    assert seeds[0] == seeds[1] != seeds[2]


def test_temperature_zero_is_one_greedy_answer_copied(bench: Bench):
    got = bench.ask("say a", 3, temperature=0.0).result(PATIENCE)
    assert [c.text for c in got] == ["a0"] * 3
    assert all(c.completion_tokens == 3 for c in got)
    config = bench.world.configs[-1]
    assert (config.do_sample, config.num_return_sequences) == (False, 1)
    assert not hasattr(config, "temperature")


def test_settings_reach_the_pipeline_and_nothing_else_does(bench: Bench):
    bench.ask(
        "say a", 2, cap=9, temperature=0.5, top_p=0.0, frequency_penalty=0.1
    ).result(PATIENCE)
    config = vars(bench.world.configs[-1])
    assert config["temperature"] == 0.5
    assert 0 < config["top_p"] < 1e-3
    assert config["frequency_penalty"] == 0.1
    assert (
        config["max_new_tokens"],
        config["num_return_sequences"],
        config["do_sample"],
    ) == (
        9,
        2,
        True,
    )
    assert config["apply_chat_template"] is False
    bench.ask("say b").result(PATIENCE)
    assert not {"temperature", "top_p", "top_k", "presence_penalty"} & set(
        vars(bench.world.configs[-1])
    )


# Prompts


def test_a_chat_is_written_by_the_models_template(bench: Bench):
    prompt = (
        Message("user", "hi"),
        Message("assistant", "yes"),
        Message("user", "say a"),
    )
    bench.ask(prompt).result(PATIENCE)
    assert bench.world.log[-1][1] == "[user]hi[assistant]yes[user]say a[assistant]"


def test_messages_that_the_template_refuses_are_said_with_the_models_own_words(
    bench: Bench,
):
    with pytest.raises(
        EndpointError,
        match=r"template of fake\.gguf does not take these.*System role not supported$",
    ):
        bench.model.encode((Message("system", "be brief"),))


def test_an_empty_prompt_begins_with_the_beginning(bench: Bench):
    assert bench.model.encode("").ids == tuple(b"^")


def test_half_a_surrogate_pair_does_not_break_a_run(bench: Bench):
    assert bench.model.encode("a\ud83d").ids == tuple(b"a?")
    assert len(bench.model.encode((Message("user", "\udc00"),)).ids) == len(
        "[user]?[assistant]"
    )


def test_a_prompt_is_encoded_once(bench: Bench):
    assert bench.model.encode("abc") is bench.model.encode("abc")


# Side by side


def test_of_requests_that_begin_alike_one_goes_ahead_and_the_rest_find_it_read(
    bench: Bench,
):
    go = bench.hold()
    shots = "x" * 100
    futures = [bench.ask(f"{shots} {i}") for i in range(8)]
    go.set()
    assert all(future.result(PATIENCE) for future in futures)
    (first, _, unread), *others = bench.world.log
    assert unread == 102
    assert {(step, unread) for step, _, unread in others} == {(first + 1, 102 - 96)}


def test_a_long_beginning_is_waited_for_until_it_has_been_read(bench: Bench):
    go = bench.hold()
    shots = "x" * 1000
    futures = [bench.ask(f"{shots} {i}", 2) for i in range(5)]
    go.set()
    assert all(len(future.result(PATIENCE)) == 2 for future in futures)
    (first, _, _), *others = bench.world.log
    assert {(step, unread) for step, _, unread in others} == {(first + 4, 1002 - 992)}


def test_requests_that_begin_differently_go_together(bench: Bench):
    go = bench.hold()
    futures = [bench.ask(f"{i} " + "x" * 60) for i in range(5)]
    go.set()
    assert all(future.result(PATIENCE) for future in futures)
    assert len({step for step, _, _ in bench.world.log}) == 1


def test_a_request_that_waits_does_not_hold_up_one_that_begins_differently(
    bench: Bench,
):
    go = bench.hold()
    futures = [
        bench.ask("x" * 300 + "1"),
        bench.ask("x" * 300 + "2"),
        bench.ask("other"),
    ]
    go.set()
    assert all(future.result(PATIENCE) for future in futures)
    assert [text[-1] for _, text, _ in bench.world.log] == ["1", "r", "2"]


def test_the_next_goes_ahead_when_the_first_is_taken_back(bench: Bench):
    go = bench.hold()
    first, second = bench.ask("x" * 5000 + "1"), bench.ask("x" * 5000 + "2")
    go.set()
    while len(bench.world.log) < 1:
        time.sleep(0.001)
    first.cancel()
    assert second.result(PATIENCE)


# Taking back


def test_a_request_that_is_cancelled_leaves_the_pipeline(bench: Bench):
    bench.world.answer = lambda text, k: "x" * 10_000
    future = bench.ask("say a", cap=100_000)
    while not bench.world.log:
        time.sleep(0.001)
    assert future.cancel()
    steps = bench.world.pipelines[0].steps
    time.sleep(0.05)
    assert not bench.world.pipelines[0].has_non_finished_requests()
    assert bench.world.pipelines[0].steps < steps + 1000
    bench.world.answer = lambda text, k: "b"
    assert texts(bench.ask("say b")) == ["b"]


def test_a_request_that_is_cancelled_while_it_waits_is_never_begun(bench: Bench):
    go = bench.hold()
    future = bench.ask("say a")
    future.cancel()
    go.set()
    assert texts(bench.ask("say b")) == ["b0"]
    assert [text for _, text, _ in bench.world.log] == ["say b"]


async def test_a_cancelled_coroutine_cancels_its_request(bench: Bench):
    bench.world.answer = lambda text, k: "x" * 100_000
    task = asyncio.ensure_future(asyncio.wrap_future(bench.ask("say a", cap=1_000_000)))
    await asyncio.sleep(0.05)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await asyncio.sleep(0.05)
    assert not bench.world.pipelines[0].has_non_finished_requests()


# Faults


def test_a_request_that_is_refused_fails_alone(bench: Bench):
    go = bench.hold()
    refused, fine = bench.ask("refuse"), bench.ask("say a")
    go.set()
    with pytest.raises(
        EndpointError, match=r"fake refused a request: this one is refused$"
    ):
        refused.result(PATIENCE)
    assert texts(fine) == ["a0"]


def test_a_step_that_fails_costs_nothing_and_the_next_request_finds_a_new_pipeline(
    bench: Bench,
):
    def break_down(pipeline: Pipeline) -> None:
        if pipeline.steps == 2:
            raise RuntimeError("somewhere.cpp:12:\nout of registers")

    bench.world.stepped = break_down
    futures = [bench.ask(f"say {i}") for i in range(3)]
    for future in futures:
        with pytest.raises(
            TransientError, match="fake broke: out of registers"
        ) as caught:
            future.result(PATIENCE)
        assert not caught.value.charged
    bench.world.stepped = lambda pipeline: None
    assert texts(bench.ask("say a")) == ["a0"]
    assert len(bench.world.pipelines) == 2


def test_where_no_new_pipeline_can_be_had_everybody_is_told(bench: Bench):
    def break_down(pipeline: Pipeline) -> None:
        raise RuntimeError("broken")

    def stay_closed(path: str) -> None:
        raise RuntimeError("no memory")

    bench.world.stepped, bench.world.opened = break_down, stay_closed
    with pytest.raises(TransientError):
        bench.ask("say a").result(PATIENCE)
    for _ in range(2):
        with pytest.raises(EndpointError, match=r"no memory|has been closed"):
            bench.ask("say b").result(PATIENCE)
    assert bench.model.ended


def test_a_model_that_cannot_be_loaded_says_why(world: World, tmp_path: Path):
    def stay_closed(path: str) -> None:
        raise RuntimeError(
            "Exception from src/somewhere.cpp:500:\nunsupported architecture\n\n"
        )

    world.opened = stay_closed
    model = LoadedModel(write_gguf(tmp_path / "fake.gguf"), world)
    with pytest.raises(
        InputError,
        match=r"cannot load or run the model .*fake\.gguf: unsupported architecture$",
    ):
        model.loaded.result(PATIENCE)
    assert model.ended


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_even_a_mistake_of_ours_lets_nobody_wait_for_ever(bench: Bench):
    def stumble(pipeline: Pipeline) -> None:
        raise ZeroDivisionError

    bench.world.stepped = stumble
    with pytest.raises(EndpointError, match="stopped working"):
        bench.ask("say a").result(PATIENCE)


def test_what_does_not_fit_into_the_cache_is_the_configs_doing(bench: Bench):
    bench.world.capacity = 1000
    with pytest.raises(
        AnswerError,
        match=r"fake: 5 \+ 4 x 400 tokens do not fit into the model's cache",
    ) as caught:
        bench.ask("say a", 4, cap=400).result(PATIENCE)
    assert caught.value.reason == "context_length"
    assert not caught.value.charged


def test_others_do_not_suffer_from_a_request_that_does_not_fit(bench: Bench):
    bench.world.capacity = 1000
    go = bench.hold()
    small = [bench.ask(f"say {i}") for i in range(4)]
    large = bench.ask("say a", 4, cap=400)
    go.set()
    assert [texts(future) for future in small] == [[f"{i}0"] for i in range(4)]
    with pytest.raises(AnswerError):
        large.result(PATIENCE)
    assert texts(bench.ask("say b")) == ["b0"]


def test_requests_that_fit_only_one_by_one_are_answered_one_by_one(bench: Bench):
    bench.world.capacity = 500
    futures = [bench.ask(f"say {i}", cap=400) for i in range(4)]
    assert [texts(future) for future in futures] == [[f"{i}0"] for i in range(4)]


def test_a_request_that_the_pipeline_lost_may_be_asked_again(bench: Bench):
    def lose(pipeline: Pipeline) -> None:
        pipeline.handles.clear()

    bench.world.stepped = lose
    with pytest.raises(TransientError, match="lost a request"):
        bench.ask("say a").result(PATIENCE)


# The end


def test_the_end_fails_what_is_asked_and_what_is_asked_later(
    world: World, tmp_path: Path
):
    bench = Bench(world, write_gguf(tmp_path / "fake.gguf"))
    world.answer = lambda text, k: "x" * 1_000_000
    future = bench.ask("say a", cap=10_000_000)
    bench.model.end()
    for asked in (future, bench.ask("say b")):
        with pytest.raises(EndpointError, match=r"fake\.gguf has been closed"):
            asked.result(PATIENCE)
    assert not any(thread.name == "model fake.gguf" for thread in threading.enumerate())


def test_a_request_taken_back_before_the_end_stays_taken_back(
    world: World, tmp_path: Path
):
    bench = Bench(world, write_gguf(tmp_path / "fake.gguf"))
    go = bench.hold()
    future = bench.ask("say a")
    future.cancel()
    go.set()
    bench.model.end()
    with pytest.raises(CancelledError):
        future.result(0)


def test_the_pipeline_is_opened_for_answers_that_do_not_depend_on_company(bench: Bench):
    pipeline = bench.world.pipelines[0]
    assert pipeline.properties["INFERENCE_PRECISION_HINT"] == "f32"
    assert pipeline.scheduler.enable_prefix_caching
    assert pipeline.device == "CPU"

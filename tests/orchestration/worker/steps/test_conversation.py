"""The processes of one round: a new conversation where the old one is lost, and further prompts for money and for people's words."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, cast

import pytest

from budget.amounts import usd
from budget.models import Hold
from orchestration.configuration import Config
from orchestration.dialogue import delivery, messages, questions
from orchestration.dialogue.delivery import GO_ON, Mail
from orchestration.facts.failures import Failure
from orchestration.models import Question, Round, Session
from orchestration.processes.agent_process import Ended
from orchestration.sessions import conversations, metering
from orchestration.sessions.stop_flags import StopFlags
from orchestration.worker import agents
from orchestration.worker.agent_run.process import AgentRun, Invocation
from orchestration.worker.agents.shared.events import Finished
from orchestration.worker.steps import conversation
from orchestration.worker.steps.context import RoundContext
from tests.factories import ANA, a_session, a_workspace, an_entry

pytestmark = pytest.mark.django_db
DONE, STOPPED = Finished(True, "Done"), Finished(False, "", out_of_money=True)


def result(*, reason: str = "", finished: Finished | None = DONE, **more: Any) -> AgentRun:
    fields: dict[str, Any] = {"failure": None, "cost_known": True, **more}
    return AgentRun(Ended("exited", 0), reason, finished, **fields)


class Talk:
    """A round whose agent's processes end as they are given. `prompts`: of each, with its turn."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *, kind: str = "claude_code") -> None:
        self.session = a_session(an_entry(a_workspace(), budget="5"))
        self.prompts: list[tuple[str, int]] = []
        self.results: list[Any] = []
        config = Config.model_validate(
            {"agent": {"kind": kind, "command": "true" if kind == "command" else None}, "doomed_rounds": "off"}
        )
        round_ = Round.objects.get(session=self.session)
        bench = SimpleNamespace(config=config, traits=agents.for_kind(kind).TRAITS)
        fields = {"session": self.session, "entry": self.session.entry, "bench": bench, "round": round_, "drawn_before": 0}
        fields["progress_watch"] = None
        self.context = cast(RoundContext, SimpleNamespace(**fields, stop_flags=StopFlags(self.session.pk, 1)))
        monkeypatch.setattr(conversation, "_run_agent", self._run_agent)

    def _run_agent(self, context: Any, text: str, mail: Any, *, turn: int = 1) -> AgentRun:
        self.prompts.append((text, turn))
        following = self.results.pop(0)
        return cast(AgentRun, following(mail) if callable(following) else following)

    def run(self, *results: Any, starts_anew: bool = False) -> AgentRun:
        self.results = list(results)
        ended = conversation.run(self.context, "Task", starts_anew=starts_anew)
        assert self.results == []
        return ended

    def draw(self, amount: str) -> None:
        assert self.session.hold is not None
        Hold.objects.filter(pk=self.session.hold.pk).update(drawn=usd(amount))

    def keep(self) -> None:
        conversations.keep(self.session.owner_id, "implement", "claude_code", "thread", {})


@pytest.fixture
def talk(monkeypatch: pytest.MonkeyPatch) -> Talk:
    return Talk(monkeypatch)


TASK = "Task" + conversation.HOW_TO_ASK
RUN_AGENT = conversation._run_agent


def test_a_round_is_one_process_with_the_task_and_how_to_ask(talk: Talk) -> None:
    assert talk.run(result()).ok
    assert talk.prompts == [(TASK, 1)] and Round.objects.get(session=talk.session).prompt == TASK


@pytest.mark.parametrize(
    ("code", "reason", "count"),
    [("thread_lost", "", 2), ("context_full", "failed", 2), ("thread_lost", "stopped", 1), ("auth", "failed", 1)],
)
def test_a_lost_conversation_begins_anew_once(talk: Talk, code: str, reason: str, count: int) -> None:
    lost = result(failure=Failure(code, "No"), reason=reason)
    talk.run(*[lost] * count)
    assert [text for text, _ in talk.prompts] == [TASK] * count


def answered(talk: Talk) -> None:
    questions.ask(talk.session, "1", "Which?")
    questions.answer(talk.session.workspace_id, Question.objects.get().pk, "This one", by=ANA)
    talk.session.has_mail = True


@pytest.mark.parametrize(("known", "starts_anew", "end"), [(True, False, GO_ON), (False, False, TASK), (True, True, TASK)])
def test_an_answer_comes_first_and_a_conversation_that_goes_on_knows_its_task(
    talk: Talk, known: bool, starts_anew: bool, end: str
) -> None:
    answered(talk)
    if known:
        talk.keep()
    talk.run(result(), starts_anew=starts_anew)
    [(text, _)] = talk.prompts
    assert "> This one" in text and text.endswith(end) and (end == TASK) is ("Task" in text)


@pytest.mark.parametrize("kind", ["command", "claude_code"])
def test_an_agent_without_memory_is_given_earlier_answers_and_the_messages_of_its_round_again(
    monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    talk = Talk(monkeypatch, kind=kind)
    answered(talk)

    def given(words: str) -> Callable[[Mail], AgentRun]:
        def answer(mail: Mail) -> AgentRun:
            delivery.give(mail, talk.context.round.pk)
            delivery.confirm(mail, talk.session.workspace_id)
            talk.keep()
            messages.instruct(talk.session.entry, words, by=ANA)
            return result(has_mail=True)

        return answer

    talk.run(given("Keep it short"), given("Mind the sign"), result())
    _, second, third = (text for text, _ in talk.prompts)
    assert "> Keep it short" in second and "> Mind the sign" in third
    is_whole = kind == "command"
    assert ("> This one" in second) is ("> This one" in third) is ("> Keep it short" in third) is is_whole
    assert second.endswith(TASK if is_whole else GO_ON)


def test_what_people_wrote_between_two_rounds_comes_before_the_task_of_the_next_which_has_the_findings(talk: Talk) -> None:
    talk.keep()
    messages.instruct(talk.session.entry, "Hurry", by=ANA)
    talk.session.has_mail = True
    talk.run(result())
    [(text, _)] = talk.prompts
    assert "> Hurry" in text and text.endswith(TASK)


def test_an_agent_that_cannot_resume_is_given_its_task_again(monkeypatch: pytest.MonkeyPatch) -> None:
    talk = Talk(monkeypatch, kind="command")
    conversations.keep(talk.session.owner_id, "implement", "command", "thread", {})
    answered(talk)
    talk.run(result())
    assert talk.prompts[0][0].endswith(TASK)


def test_mail_of_which_the_session_knows_nothing_is_left_for_a_further_turn(talk: Talk) -> None:
    messages.instruct(talk.session.entry, "Hurry", by=ANA)
    talk.session.has_mail = False
    talk.run(result(has_mail=True), result())
    assert talk.prompts[0] == (TASK, 1) and "> Hurry" in talk.prompts[1][0] and talk.prompts[1][1] == 2


@pytest.mark.parametrize(
    "first", [{"has_mail": False}, {"has_mail": True, "asked": True}, {"has_mail": True, "finished": Finished(False)}]
)
def test_what_people_wrote_is_given_only_to_an_agent_that_is_done_and_asks_nothing(talk: Talk, first: dict[str, Any]) -> None:
    messages.instruct(talk.session.entry, "Hurry", by=ANA)
    talk.run(result(**first))
    assert len(talk.prompts) == 1


def test_only_so_many_turns_are_taken_and_none_without_money(talk: Talk) -> None:
    messages.instruct(talk.session.entry, "Hurry", by=ANA)
    talk.keep()
    talk.run(*[result(has_mail=True)] * 5)
    assert [turn for _, turn in talk.prompts] == [1, 2, 3, 4, 5] and all(text.endswith(GO_ON) for text, _ in talk.prompts[1:])
    talk.prompts.clear()
    talk.draw("4.999999")
    talk.run(result(has_mail=True))
    assert len(talk.prompts) == 1


def spends(talk: Talk, amount: str, **more: Any) -> Any:
    def end(_: Any) -> AgentRun:
        talk.draw(amount)
        return result(reason="out_of_money", finished=more.pop("finished", STOPPED), **more)

    return end


def test_an_agent_that_stopped_at_its_limit_goes_on_where_there_is_money_again(talk: Talk) -> None:
    talk.run(spends(talk, "1"), spends(talk, "2"), result())
    assert [text for text, _ in talk.prompts] == [TASK, conversation.CONTINUE_PROMPT, conversation.CONTINUE_PROMPT]


@pytest.mark.parametrize("more", [{"finished": None}, {"finished": Finished(False)}, {"cost_known": False}, {"asked": True}])
def test_one_that_was_stopped_otherwise_does_not_go_on(talk: Talk, more: dict[str, Any]) -> None:
    talk.run(spends(talk, "1", **more))
    assert len(talk.prompts) == 1


def test_one_that_spent_nothing_since_it_stopped_does_not_go_on(talk: Talk) -> None:
    talk.run(spends(talk, "1"), spends(talk, "1"))
    assert len(talk.prompts) == 2


def test_no_process_is_started_for_less_than_a_least_round(talk: Talk) -> None:
    talk.run(spends(talk, "4.999999"))
    assert len(talk.prompts) == 1


def test_a_session_that_is_to_end_does_not_go_on(talk: Talk) -> None:
    talk.context.stop_flags.request_end("stopped")
    talk.run(spends(talk, "1"))
    Session.objects.filter(pk=talk.session.pk).update(hold=None)
    assert len(talk.prompts) == 1


def test_an_agent_that_cannot_resume_does_not_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    talk = Talk(monkeypatch, kind="command")
    talk.run(spends(talk, "1"))
    assert len(talk.prompts) == 1


def test_each_process_of_a_round_may_spend_what_is_left_and_grow(talk: Talk, monkeypatch: pytest.MonkeyPatch) -> None:
    ran: list[Invocation] = []

    def run(given: Invocation) -> AgentRun:
        ran.append(given)
        return result(has_mail=len(ran) == 1)

    monkeypatch.setattr(conversation, "_run_agent", RUN_AGENT)
    monkeypatch.setattr(conversation.process, "run", run)
    vars(talk.context).update(worktree=SimpleNamespace(path=None))
    vars(talk.context.bench).update(private_home=None)
    messages.instruct(talk.session.entry, "Hurry", by=ANA)
    talk.session.has_mail = False
    conversation.run(talk.context, "Task", starts_anew=False)
    left = metering.left(talk.session)
    assert [(given.turn, given.limit, len((given.mail or Mail()).messages)) for given in ran] == [(1, left, 0), (2, left, 1)]
    assert ran[0].growth == ran[1].growth is not None

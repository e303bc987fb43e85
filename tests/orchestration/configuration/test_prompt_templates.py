"""A workspace's own templates cannot exhaust a worker's time or memory."""

import time

import pytest

from orchestration.configuration.config import prompt_templates

VALUES = {"content": 'a "long" text\n' * 2000, "found": [{"round": 1, "text": "x"}], "round": 2, "title": ""}


@pytest.mark.parametrize(
    "text",
    [
        '{{ title|ljust:"999999999" }}',
        '{{ round|stringformat:"0999999999d" }}',
        '{{ round|floatformat:"99999999" }}',
        "{% lorem 99999999 w %}",
        "{% with a=content|add:content %}{{ a }}{% endwith %}",
        "{{ content|addslashes|addslashes }}",
        "{{ content|join:content }}",
        "{% debug %}",
        '{% include "x" %}',
        '{% url "admin:index" %}',
    ],
)
def test_tags_and_filters_that_grow_or_read_elsewhere_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is no template"):
        prompt_templates.check(text)


@pytest.mark.parametrize(
    "text",
    [
        "{% for a in content %}{% for b in content %}{% for c in content %}{{ a }}{% endfor %}{% endfor %}{% endfor %}",
        "{% for a in content %}{% for b in content %}{% endfor %}{% endfor %}",
        "{% for a in content %}{{ content }}{% endfor %}",
    ],
)
def test_loops_are_bounded_with_a_clear_error(text: str) -> None:
    prompt_templates.check(text)
    began = time.process_time()
    with pytest.raises(ValueError, match="more than"):
        prompt_templates.render(text, VALUES)
    assert time.process_time() - began < 3


def test_loops_conditions_and_plain_filters_work() -> None:
    text = "{% for one in found %}{% if forloop.last %}{{ one.round }} {{ one.text|upper }}{% endif %}{% endfor %}{{ x|default:'-' }}"
    assert prompt_templates.render(text, VALUES) == "1 X-"

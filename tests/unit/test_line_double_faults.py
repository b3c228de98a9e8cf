import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from tools.line_double.channels import Troubles
from tools.line_double.faults import Fault, Faults, struck_by

DRAWS = 10_000


@pytest.mark.parametrize("fault", list(Fault))
def test_each_fault_has_its_share(fault: Fault) -> None:
    ladder = Faults.model_validate({f"{fault.value}_share": 0.25}).ladder()
    struck = [struck_by(ladder, draw / DRAWS) for draw in range(DRAWS)]
    assert struck.count(fault) == DRAWS // 4
    assert struck.count(None) == DRAWS - DRAWS // 4


@given(
    st.lists(st.integers(0, 1000), min_size=len(Fault), max_size=len(Fault)).filter(lambda parts: sum(parts) <= 1000)
)
def test_shares_stand_beside_each_other(parts: list[int]) -> None:
    shares = {f"{fault.value}_share": part / 1000 for fault, part in zip(Fault, parts, strict=True)}
    ladder = Faults.model_validate(shares).ladder()
    struck = [struck_by(ladder, (draw + 0.5) / 1000) for draw in range(1000)]
    assert [struck.count(fault) for fault in Fault] == parts


@pytest.mark.parametrize(
    "fields",
    [{"cut_share": 1.1}, {"cut_share": -0.1}, {"cut_share": 0.6, "html_400_share": 0.6}, {"cut_shares": 0.1}],
)
def test_shares_that_cannot_be_are_refused(fields: dict[str, float]) -> None:
    with pytest.raises(ValidationError):
        Faults.model_validate(fields)


def test_the_same_seed_strikes_the_same_calls() -> None:
    faults = Faults(server_error_share=0.3, cut_share=0.1)

    def struck(seed: str) -> list[Fault | None]:
        troubles = Troubles(faults, seed)
        return [troubles.strike() for _ in range(200)]

    assert struck("1:7") == struck("1:7")
    assert struck("1:7") != struck("1:8")


def test_no_faults_strike_nothing_and_all_strike_everything() -> None:
    assert Troubles(Faults(), "x").strike() is None
    certain = Troubles(Faults(html_200_share=1), "x")
    assert {certain.strike() for _ in range(50)} == {Fault.HTML_200}

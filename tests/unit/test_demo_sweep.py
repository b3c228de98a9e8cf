import pytest

from tools.demo.sweep import verified_of
from tools.seed.sizes import tenant_sizes


@pytest.mark.parametrize(("tenants", "seekers"), [(20, 20_000), (200, 2_000_000), (6, 6_000)])
def test_a_third_of_the_tenants_has_about_half_of_the_job_seekers(tenants: int, seekers: int) -> None:
    sizes = tenant_sizes(tenants, seekers)
    verified = verified_of(sizes, frozenset({tenants - 1}))
    share = sum(sizes[tenant_id - 1] for tenant_id in verified) / seekers
    assert len(verified) == tenants // 3
    assert tenants - 1 not in verified
    assert 0.2 < share < 0.62


def test_one_tenant_alone_is_not_verified() -> None:
    assert verified_of([10], frozenset()) == frozenset()

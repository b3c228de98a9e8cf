"""How many job seekers each tenant has: very different, as agencies are."""


def tenant_sizes(tenants: int, seekers: int) -> list[int]:
    """Split the job seekers over the tenants after Zipf's law: the k-th has a share of about 1/k, and at least one.

    Raises:
        ValueError: there are fewer job seekers than tenants, or no tenant.
    """
    if not 0 < tenants <= seekers:
        raise ValueError(f"{seekers} job seekers cannot be split over {tenants} tenants")
    total = sum(1 / k for k in range(1, tenants + 1))
    spare = seekers - tenants
    sizes = [1 + int(spare / k / total) for k in range(1, tenants + 1)]
    sizes[0] += seekers - sum(sizes)
    return sizes

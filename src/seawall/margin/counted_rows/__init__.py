"""The compiled screen of `Counted`; import `seawall.margin.counted` instead."""

__all__: list[str] = []

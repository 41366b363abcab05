"""The compiled screen of `Lending`; import `seawall.margin.lending` instead."""

__all__: list[str] = []

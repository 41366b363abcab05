"""Compiled falls: many coins, each with its own book; a round judges whom prices may have reached.

These prices steer no account and enter no hash, so libm's exp and sqrt may be used.
"""

from __future__ import annotations

import math

import numpy as np

from seawall._jit import kernel
from seawall.simulation.stress.judging._kernels import (
    between,
    bounded,
    judged,
    look,
    planned,
    recalled,
    standing,
    surely,
    to_sell,
    unit,
)
from seawall.systemic._kernels import price_after

_LINEAR, _EXPONENTIAL, _SQUARE_ROOT, _PRODUCT = 0, 1, 2, 3
_HEALTHY, _TAKING, _DONE = 0, 1, 2
_FEE = -2.0  # Instead of a row.
_ROUNDS_MOST = 2_000  # In one tick; a lot at a time would take longer than anybody waits.


@kernel(_nrt=False)
def walked(law, price, sold):  # type: ignore[no-untyped-def]
    """What `sold` units fetch while the price walks from `price` along the law: its integral."""
    code, first, second, third, distance, depth = law
    if sold == 0.0:
        return 0.0
    if code == _LINEAR:
        return price * sold - 0.5 * first * sold * sold
    if code == _EXPONENTIAL:
        return second * sold - (price - second) * first * math.expm1(-sold / first)
    if code == _SQUARE_ROOT:
        z = first * second * math.sqrt(abs(sold) / third) * np.sign(sold)
        if abs(z) < 1e-4:
            return sold * price * (1.0 - 2.0 * z / 3.0 + z * z / 4.0)
        return sold * price * 2.0 * (1.0 - math.exp(-z) * (1.0 + z)) / (z * z)
    if code == _PRODUCT:
        kept = 1.0 - second
        if first + sold * kept <= 0.0:
            return -np.inf
        return price * kept * first * sold / (first + sold * kept)
    size = abs(sold)
    area = 0.0
    level = 1
    while level < depth.size - 1 and depth[level] < size:
        area += (depth[level] - depth[level - 1]) * (distance[level] + distance[level - 1]) * 0.5
        level += 1
    part = size - depth[level - 1]
    slope = (distance[level] - distance[level - 1]) / (depth[level] - depth[level - 1])
    area += part * (distance[level - 1] + 0.5 * slope * part)
    return price * (sold - area)


@kernel(_nrt=False)
def law_of(laws, coin):  # type: ignore[no-untyped-def]
    """The law of one coin as numbers."""
    levels = laws.levels[coin]
    numbers = laws.numbers[coin]
    distance, depth = laws.distance[coin, :levels], laws.depth[coin, :levels]
    return laws.code[coin], numbers[0], numbers[1], numbers[2], distance, depth


@kernel(_nrt=False)
def priced(book, laws, beta, start, moved, prices, starts):  # type: ignore[no-untyped-def]
    """Price of every coin once `moved` units displaced it; `starts` is where each would be without.

    The others follow the driver, what was sold in it included; their own sales come on top.
    """
    driver = book.driver
    for turn in range(prices.size):
        coin = driver if turn == 0 else (turn - 1 if turn <= driver else turn)
        if coin != driver:
            share = 1.0 + beta[coin] * (prices[driver] / book.price[driver] - 1.0)
            start = book.price[coin] * max(share, book.least_share)
        starts[coin] = prices[coin] = start
        if moved[coin] != 0.0:
            prices[coin] = price_after(law_of(laws, coin), start, moved[coin])


@kernel(_nrt=False)
def taken(book, rules, steep, state, view, account, clock, marks, ways, trades, trade, wanted):  # type: ignore[no-untyped-def]
    """Judge one account and write what its next step trades: (trades, equity before it)."""
    lots, coins, quotes = state
    next_at, flag = marks
    first, count = book.start[account], book.count[account]
    is_open = False
    for row in range(first, first + count):
        is_open = is_open or lots[row] != 0.0
    if not is_open:  # Quotes are folded into coins once no contract is left.
        for coin in range(book.price.size):
            coins[account, coin] += quotes[account, coin]
            quotes[account, coin] = 0.0
    verdict = judged(book, state, view, account)
    line = verdict[3] * book.line[account]
    if verdict[1] >= (verdict[2] if flag[account] == _TAKING else line):
        flag[account] = _HEALTHY
        next_at[account] = clock + max(0.0, verdict[1] - line) / book.slope[account]
        bounded(book, steep, state, view, account, verdict[1] - line, ways)
        return 0, 0.0
    flag[account] = _TAKING
    ways[0][account] = -np.inf
    if not is_open:
        coin, units = to_sell(book, rules, state, view, account, verdict)
        if abs(units) * view[0][coin] < 1e-6:
            flag[account] = _DONE
            return 0, 0.0
        row = trades[trade]
        row[0], row[1], row[2], row[3], row[4] = account, -1, units, coin, units
        return 1, verdict[0]
    planned(book, rules, state, view, account, verdict, wanted)
    added = 0
    for number in range(first, first + count):
        size = wanted[number - first] * np.sign(lots[number])
        if size != 0.0:
            coin = book.base[number]
            worth = between(book.exposure, book.asset[number], view[1][coin], view[2][coin])
            units = size * worth / view[0][coin]
            line = trade + added
            trades[line, 0], trades[line, 1], trades[line, 2] = account, number, size
            trades[line, 3], trades[line, 4] = coin, units
            added += 1
    return added, verdict[0]


@kernel(_nrt=False)
def bought(rules, laws, asked, driver, at, starts, moved, sold, averages):  # type: ignore[no-untyped-def]
    """Let every book take what a round sells; write its average price, return what that costs.

    cost = Σ mark · units − what the walk along the law fetches: counted on the side of the book.
    """
    _, scale, resilience, _ = asked
    cost = 0.0
    for coin in range(at.size):
        averages[coin] = at[coin]
        net, gross = sold[coin]
        if gross == 0.0:
            continue
        law = law_of(laws, coin)
        before = moved[coin] * (1.0 - (resilience if coin == driver else laws.back[coin]))
        added = net * scale
        moved[coin] = before + added
        if rules.at_mark:
            continue
        low = price_after(law, starts[coin], before) if before != 0.0 else starts[coin]
        if abs(added) <= 1e-9 * gross * scale:
            averages[coin] = low
            cost += net * (at[coin] - low)
            continue
        paid = walked(law, starts[coin], moved[coin]) - walked(law, starts[coin], before)
        high = price_after(law, starts[coin], moved[coin])
        averages[coin] = min(max(paid / added, min(low, high)), max(low, high))
        cost += at[coin] * net - paid / scale
    return cost


@kernel(_nrt=False)
def pay(book, rules, state, view, averages, trade):  # type: ignore[no-untyped-def]
    """Lots go and cash comes, at the average of the round; returns the notional, numeraire."""
    lots, coins, quotes = state
    account, row, coin = int(trade[0]), int(trade[1]), int(trade[3])
    if row < 0:
        coins[account, coin] -= trade[2]
        trade[5] = trade[2] * averages[coin] / view[0][rules.cash]
        coins[account, rules.cash] += trade[5]
        return abs(trade[2]) * averages[coin]
    value = trade[2] * between(book.value, book.asset[row], view[1][coin], view[2][coin])
    size = abs(trade[2]) * unit(book, view, row)
    settle = book.settle[row]
    value -= trade[4] * (view[0][coin] - averages[coin])
    trade[5] = value / view[0][settle]
    quotes[account, settle] += trade[5]
    lots[row] -= trade[2]
    return size


@kernel(_nrt=False)
def noted(log, sums, time, trade, price, notional, settle):  # type: ignore[no-untyped-def]
    """Write one line of a log, as `Trades` has it, while there is room."""
    place = int(sums[7])
    if place < log.shape[0]:
        line = log[place]
        line[0], line[1], line[2], line[3], line[4] = trade[0], time, trade[3], trade[4], price
        line[5], line[6], line[7], line[8], line[9] = notional, trade[1], trade[2], settle, trade[5]
        sums[7] += 1.0


@kernel(_nrt=False)
def settled(book, rules, state, view, trades, count, tick, averages, starts, sums, log, marks):  # type: ignore[no-untyped-def]
    """Pay every trade of a round and its fee: what the accounts are worth after it, and their fees.

    `sums` takes notional, units of the driver, what they fetched, what was lost to the books, fees,
    accounts that lost something, their equity today, and how many trades were written down.
    """
    after = fees = size = 0.0
    flag, seen = marks
    for number in range(count):
        trade = trades[number]
        account, coin, units = int(trade[0]), int(trade[3]), trade[4]
        if not seen[account]:
            seen[account] = True
            sums[5] += 1.0
            sums[6] += max(0.0, book.equity[account])
        part = pay(book, rules, state, view, averages, trade)
        size += part
        sums[0] += part
        sums[3] += units * (starts[coin] - averages[coin])
        if coin == book.driver:
            sums[1] += units
            sums[2] += units * averages[coin]
        settle = rules.cash if trade[1] < 0.0 else book.settle[int(trade[1])]
        noted(log, sums, tick, trade, averages[coin], part, settle)
        if number + 1 == count or int(trades[number + 1, 0]) != account:
            equity = judged(book, state, view, account)[0]
            fee = min(rules.fee * size, max(0.0, equity))
            state[2][account, settle] -= fee / view[0][settle]
            verdict = judged(book, state, view, account)
            if verdict[1] >= verdict[2]:
                flag[account] = _HEALTHY
            after += verdict[0]
            fees += fee
            size = 0.0
            trade[1], trade[2], trade[4], trade[5] = _FEE, 0.0, 0.0, -fee / view[0][settle]
            noted(log, sums, tick, trade, averages[coin], 0.0, settle)
    sums[4] += fees
    return after, fees


@kernel(_nrt=False)
def sold_in(book, rules, state, scratch, clock, known):  # type: ignore[no-untyped-def]
    """Everybody's next step at the prices of now: (trades, known accounts, equity before them).

    Who is not known yet cannot have been reached: prices have not come so far together.
    """
    view, _, sold, _, _, _, marks, due, trades, wanted, _, steep, ways, today = scratch
    while known < book.order.size and book.reach[book.order[known]] <= clock:
        account = book.order[known]
        due[known], marks[0][account], marks[1][account] = account, clock, _HEALTHY
        recalled(ways, today, account)
        known += 1
    count, before = 0, 0.0
    for place in range(known):
        account = due[place]
        if marks[0][account] > clock or marks[1][account] == _DONE:
            continue
        if not surely(ways, view[0], account):
            added, equity = taken(
                book, rules, steep, state, view, account, clock, marks, ways, trades, count, wanted
            )
            count += added
            before += equity
    sold[:] = 0.0
    for number in range(count):
        coin = int(trades[number, 3])
        sold[coin, 0] += trades[number, 4]
        sold[coin, 1] += abs(trades[number, 4])
    return count, known, before


@kernel(_nrt=False)
def fall(book, rules, laws, asked, beta, state, scratch, path, log, sums):  # type: ignore[no-untyped-def]
    """One shock in ticks, and rounds within a tick until nobody more is reached.

    A round judges everybody whom the way of all prices since the last look can have brought to the
    line, closes what the rule of size says, and pays the average of its own walk. `asked`: (shock,
    units of a law for a forced unit, resilience of the driver, ticks). Returns (final, worst,
    rounds, known accounts, largest imbalance of a round ÷ its notional).
    """
    shock, _, resilience, ticks = asked
    view, moved, sold, prices, starts, averages, marks, _, trades, _, seen = scratch[:11]
    driver, price = book.driver, book.price[book.driver]
    for coin in range(moved.size):
        view[0][coin], moved[coin] = book.price[coin], 0.0
    sums[:] = 0.0
    clock = look(book, book.price, view)
    imbalance = 0.0
    known = rounds = 0
    here = start = worst = price
    path[0] = price * (1.0 + shock) if ticks == 1 else price
    for tick in range(1, ticks + 1):
        start = price * (1.0 + shock) if tick == ticks else start * (1.0 + shock) ** (1.0 / ticks)
        for coin in range(moved.size):
            moved[coin] *= 1.0 - (resilience if coin == driver else laws.back[coin])
        for _ in range(_ROUNDS_MOST):
            priced(book, laws, beta, start, moved, prices, starts)
            clock += look(book, prices, view)
            here = prices[driver]
            worst = min(worst, here) if shock < 0.0 else max(worst, here)
            if ticks == 1 and rounds < path.size:
                path[rounds] = here
            if not math.isfinite(here):
                return here, worst, rounds, known, imbalance
            count, known, before = sold_in(book, rules, state, scratch, clock, known)
            if count == 0:
                break
            rounds += 1
            cost = bought(rules, laws, asked, driver, view[0], starts, moved, sold, averages)
            size, when = sums[0], rounds if ticks == 1 else tick
            after, fees = settled(
                book,
                rules,
                state,
                view,
                trades,
                count,
                when,
                averages,
                starts,
                sums,
                log,
                (marks[1], seen),
            )
            gap = abs(after - before + fees + cost) / (sums[0] - size + 1.0)
            imbalance = max(imbalance, gap)
        if ticks > 1:
            path[tick] = here
    if ticks == 1:
        for i in range(rounds + 1, path.size):
            path[i] = here
    return here, worst, rounds, known, imbalance


@kernel(_nrt=False)
def ended(book, state, view, starts, due, known, seen, owed):  # type: ignore[no-untyped-def]
    """(lost since today, of it to the books by what is still held) by who lost something.

    `owed` takes what they cannot pay, by the coin that they owe most of.
    """
    lost = kept = 0.0
    coins, quotes, price = state[1], state[2], view[0]
    owed[:] = 0.0
    for place in range(known):
        account = due[place]
        if seen[account]:
            equity = judged(book, state, view, account)[0]
            lost += book.equity[account] - equity
            kept -= equity
            if equity < 0.0:
                most, least = 0, 0.0
                for coin in range(price.size):
                    debt = (coins[account, coin] + quotes[account, coin]) * price[coin]
                    if debt < least:
                        most, least = coin, debt
                owed[most] -= equity
    look(book, starts, view)
    for place in range(known):
        if seen[due[place]]:
            kept += judged(book, state, view, due[place])[0]
    return lost, kept


@kernel(_nrt=False)
def undone(book, state, due, known, seen):  # type: ignore[no-untyped-def]
    """Give everybody back what they had."""
    for place in range(known):
        account = due[place]
        if seen[account]:
            seen[account] = False
            for row in range(book.start[account], book.start[account] + book.count[account]):
                state[0][row] = book.lots[row]
        for coin in range(book.price.size):
            state[1][account, coin] = book.held[account, coin]
            state[2][account, coin] = book.quotes[account, coin]


@kernel
def falls(book, rules, laws, asked, beta, state, scratch, results, log):  # type: ignore[no-untyped-def]
    """One run for each shock; with a log there is one, and its accounts stay as it left them."""
    shocks, scales, backs, ticks = asked
    out, paths, ends, owed = results
    sums = np.zeros(8)
    view, prices, starts, due, seen = scratch[0], scratch[3], scratch[4], scratch[7], scratch[10]
    standing(book, scratch[11], state, view, scratch[13])
    for i in range(shocks.size):
        own = (shocks[i], scales[i], backs[i], ticks)
        final, worst, rounds, known, imbalance = fall(
            book, rules, laws, own, beta, state, scratch, paths[i], log, sums
        )
        lost, kept = ended(book, state, view, starts, due, known, seen, owed[i])
        ends[i] = prices
        average = sums[2] / sums[1] if abs(sums[1]) > 1e-300 else final
        out[0, i], out[1, i], out[2, i], out[3, i] = sums[5], final, worst, average
        out[4, i], out[5, i], out[6, i], out[7, i] = rounds, sums[1], sums[0], sums[3] + kept
        out[8, i], out[9, i], out[10, i], out[11, i] = sums[4], sums[6], lost, imbalance
        if not log.size:
            undone(book, state, due, known, seen)
    return int(sums[7])

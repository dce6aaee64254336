"""uv run benchmarks/honesty.py --runs 2000 --seed 0 --out results/honesty.md

Can its answers be believed? Simulated worlds in which the truth is known; nothing is sent and nothing is spent.

1. `tune check`: how many calls it takes against a fixed-size test with the same error rates and the same power, and
   how often it is wrong, on either side of the line and on it.
2. The report: coverage and width of its 95 % intervals for a choice made on other examples, how often it says
   "better than the baseline" where nothing is, and how far its quality is from the truth on average.

It takes about two minutes on one core.
"""

from __future__ import annotations

import argparse
import math
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import NormalDist

import numpy as np

from tune.check.deciding import BLOCK
from tune.sequential import log_evidence_above, log_evidence_below
from tune.stats import difference_interval, mean_interval, t_quantile, verdict

ALPHA = BETA = 0.05
MARGIN = 0.05
MOST = 4000
"""Examples that a check has at most; in these worlds hardly one needs more."""

Scores = Callable[[float, tuple[int, ...]], np.ndarray]


# --- tune check against a fixed-size test -----------------------------------------------------------------------


@dataclass(frozen=True)
class World:
    """Scores of one kind: how they are drawn for a mean, and their variance at it."""

    name: str
    draw: Scores
    variance: Callable[[float], float]


def worlds(rng: np.random.Generator) -> tuple[World, World]:
    def graded(mean: float, shape: tuple[int, ...]) -> np.ndarray:
        return rng.beta(3 * mean, 3 * (1 - mean), shape)

    binary = World("0/1", lambda mean, shape: (rng.random(shape) < mean).astype(float), lambda m: m * (1 - m))
    return binary, World("graded", graded, lambda m: m * (1 - m) / 4)


def block_ends() -> np.ndarray:
    """How many examples a check may have bought when it looks."""
    ends, bought = [], 0
    while bought < MOST:
        bought = min(MOST, bought + max(BLOCK, bought // 10))
        ends.append(bought)
    return np.array(ends)


ENDS = block_ends()


def outcomes(world: World, truth: float, line: float, runs: int) -> tuple[np.ndarray, np.ndarray]:
    """Calls until "holds" and until "regressed", as a check counts them; infinite where it never comes to it."""
    both: list[list[np.ndarray]] = [[], []]
    for start in range(0, runs, 250):
        scores = world.draw(truth, (min(250, runs - start), MOST))
        for kind, evidence in enumerate((log_evidence_above, log_evidence_below)):
            enough = evidence(scores, line, difference=MARGIN) >= -math.log((BETA, ALPHA)[kind])
            first = np.where(enough.any(axis=1), enough.argmax(axis=1) + 1, MOST + 1)
            calls = np.append(ENDS.astype(float), math.inf)[np.searchsorted(ENDS, first)]
            both[kind].append(calls)
    return np.concatenate(both[0]), np.concatenate(both[1])


def fixed_size(world: World, truth: float, line: float, power: float) -> int:
    """Examples that a test of a fixed size needs for the same error rate on the line and this power at the truth.

    For 0/1 scores the exact binomial test; else the z test, told the variance: which no real test is.
    """
    z = NormalDist().inv_cdf
    error = ALPHA if truth < line else BETA
    spread = z(1 - error) * math.sqrt(world.variance(line)) + z(power) * math.sqrt(world.variance(truth))
    about = (spread / (truth - line)) ** 2
    if world.name != "0/1":
        return math.ceil(about)
    p, q = (line, truth) if truth > line else (1 - line, 1 - truth)
    return next(n for n in range(int(0.7 * about), 2 * int(about) + 50) if exact_power(n, p, q, error) >= power)


def exact_power(n: int, null: float, truth: float, error: float) -> float:
    """Of the binomial test that refutes "at most null"."""
    k = np.arange(n + 1)
    logs = np.concatenate([[0.0], np.cumsum(np.log(np.arange(1, n + 1)))])
    ways = logs[n] - logs[k] - logs[n - k]
    tails = [np.exp(ways + k * math.log(p) + (n - k) * math.log(1 - p))[::-1].cumsum()[::-1] for p in (null, truth)]
    allowed = tails[0] <= error
    return float(tails[1][allowed.argmax()]) if allowed.any() else 0.0


def check_table(rng: np.random.Generator, runs: int) -> tuple[list[str], dict[str, float]]:
    rows = [
        "| scores | recorded | truth | mean calls | fixed size | ratio at power 0.90 | 0.95 | 0.99 | wrong answers |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    worst = {"0/1": 0.0, "graded": 0.0, "at 0.95": 0.0, "error": 0.0}
    for world in worlds(rng):
        for recorded in (0.6, 0.8, 0.9):
            line = recorded - MARGIN
            for name, truth in (
                ("no change", recorded),
                ("on the line", line),
                ("twice the margin", line - MARGIN),
                ("four times", line - 3 * MARGIN),
            ):
                holds, regressed = outcomes(world, truth, line, runs)
                right, wrong = (holds, regressed) if truth > line else (regressed, holds)
                if truth == line:  # either answer is wrong there; each has its own rate
                    errors = max(np.isfinite(holds).mean(), np.isfinite(regressed).mean())
                    worst["error"] = max(worst["error"], float(errors))
                    rows.append(
                        f"| {world.name} | {recorded} | {name} | | | | | | holds {np.isfinite(holds).mean():.1%}, "
                        f"regressed {np.isfinite(regressed).mean():.1%} |"
                    )
                    continue
                error = float((wrong < right).mean())
                worst["error"] = max(worst["error"], error)
                cells, sizes = [], []
                for power in (0.90, 0.95, 0.99):
                    # A check that is given just so many examples that it decides this often.
                    most = float(np.quantile(right, power, method="higher"))
                    size = fixed_size(world, truth, line, power)
                    ratio = float(np.minimum(right, most).mean()) / size
                    sizes.append(size)
                    cells.append(f"{ratio:.2f}")
                    if name != "four times" and (power == 0.99 or (power == 0.95 and world.name == "0/1")):
                        key = world.name if power == 0.99 else "at 0.95"
                        worst[key] = max(worst[key], ratio)
                mean = np.minimum(np.minimum(right, wrong), MOST).mean()
                rows.append(
                    f"| {world.name} | {recorded} | {name} | {mean:.0f} | {' / '.join(map(str, sizes))} | "
                    f"{' | '.join(cells)} | {error:.1%} |"
                )
    return rows, worst


# --- the report of a study --------------------------------------------------------------------------------------


def study(
    rng: np.random.Generator, truths: np.ndarray, tuning: int, holdout: int, graded: bool
) -> tuple[int, np.ndarray]:
    """Scores of all configs (the first is the baseline) on tuning examples, and the one that is best there."""
    scores = answers(rng, truths, tuning + holdout, graded)
    choice = int(scores[:, :tuning].mean(axis=1).argmax())
    return choice, scores


def answers(rng: np.random.Generator, truths: np.ndarray, count: int, graded: bool) -> np.ndarray:
    """A row a config, a column an example; some examples are hard for all, so that pairs go together."""

    def right() -> np.ndarray:
        shape = (len(truths), count)
        luck = np.where(rng.random(shape) < 0.5, rng.random(count), rng.random(shape))
        return (luck < truths[:, None]).astype(float)

    return (right() + right()) / 2 if graded else right()  # two points of a rubric, or one


def plain_interval(scores: np.ndarray, low: float, high: float) -> float:
    """Width of the interval that one would give a sample of fixed size: Wilson's for 0/1 scores, else Student's t."""
    n, z = len(scores), NormalDist().inv_cdf(0.975)
    if set(np.unique(scores)) <= {0.0, 1.0}:
        p = scores.mean()
        return float(2 * z * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n)) / (1 + z * z / n))
    half = t_quantile(0.975, n - 1) * scores.std(ddof=1) / math.sqrt(n)
    return float(min(high, scores.mean() + half) - max(low, scores.mean() - half))


def report_table(rng: np.random.Generator, runs: int) -> tuple[list[str], dict[str, float]]:
    rows = [
        "| scores | holdout | coverage of quality | width / fixed | coverage of difference | width / fixed | "
        "bias, points | the same on tuning |",
        "|---|---|---|---|---|---|---|---|",
    ]
    worst = {"coverage": 1.0, "width": 0.0, "bias": 0.0}

    def world() -> np.ndarray:
        return np.clip(rng.normal(rng.uniform(0.55, 0.85), 0.05, 24), 0.02, 0.98)

    for graded in (False, True):
        for holdout in (20, 40, 80, 160, 320):
            hits, widths, apart, biases = [], [], [], []
            for _ in range(runs):
                truths = world()
                choice, scores = study(rng, truths, 60, holdout, graded)
                met = scores[:, 60:]
                quality = mean_interval(met[choice])
                hits.append(quality.low <= truths[choice] <= quality.high)
                widths.append((quality.high - quality.low, plain_interval(met[choice], 0, 1)))
                if choice:
                    gap = difference_interval(met[choice], met[0])
                    gaps = met[choice] - met[0]
                    spread = gaps.std(ddof=1) / math.sqrt(holdout)
                    true = truths[choice] - truths[0]
                    apart.append(
                        (gap.low <= true <= gap.high, gap.high - gap.low, 2 * t_quantile(0.975, holdout - 1) * spread)
                    )
            for _ in range(6 * runs):
                truths = world()
                choice, scores = study(rng, truths, 60, holdout, graded)
                biases.append([part.mean() - truths[choice] for part in (scores[choice, 60:], scores[choice, :60])])
            covered, (own, plain), far = np.mean(hits), np.mean(widths, axis=0), np.mean(apart, axis=0)
            bias = 100 * np.mean(biases, axis=0)
            error = 100 * float(np.std(biases, axis=0)[0]) / math.sqrt(len(biases))
            ratios = (own / plain, far[1] / far[2])
            worst["coverage"] = min(worst["coverage"], float(covered), float(far[0]))
            worst["width"] = max(worst["width"], *map(float, ratios))
            worst["bias"] = max(worst["bias"], abs(float(bias[0])) - 2 * error)
            rows.append(
                f"| {'graded' if graded else '0/1'} | {holdout} | {covered:.1%} | {ratios[0]:.2f} | {far[0]:.1%} | "
                f"{ratios[1]:.2f} | {bias[0]:+.2f} ± {error:.2f} | {bias[1]:+.2f} |"
            )
    return rows, worst


def false_better(rng: np.random.Generator, runs: int) -> tuple[list[str], float]:
    """Worlds in which no config is better than the baseline."""
    rows = ["| configs that are | holdout | says better | says worse |", "|---|---|---|---|"]
    worst = 0.0
    for name, below in (("all as good as the baseline", 0.0), ("5 points worse", 0.05)):
        for holdout in (20, 40, 80, 160):
            said = []
            for _ in range(runs):
                truths = np.full(24, 0.75 - below)
                truths[0] = 0.75
                choice, scores = study(rng, truths, 60, holdout, False)
                choice = choice or 1
                said.append(verdict(difference_interval(scores[choice, 60:], scores[0, 60:])))
            better, worse = (float(np.mean([s == which for s in said])) for which in ("better", "worse"))
            worst = max(worst, better)
            rows.append(f"| {name} | {holdout} | {better:.1%} | {worse:.1%} |")
    return rows, worst


# --- the page ---------------------------------------------------------------------------------------------------


def page(seed: int, runs: int) -> str:
    rng = np.random.default_rng(seed)
    began = time.monotonic()
    check_rows, check = check_table(rng, runs)
    report_rows, report = report_table(rng, max(1000, runs // 2))
    better_rows, better = false_better(rng, max(1000, runs // 2))
    noise = 3 * math.sqrt(ALPHA * (1 - ALPHA) / runs)
    half = (
        "of the calls of a fixed-size test of the same error rates and power (0.99), at no change and twice the margin"
    )
    claims = [
        (f"`check` takes at most half {half}: {check['0/1']:.2f} at most for 0/1 scores", check["0/1"] <= 0.5),
        (
            f"the same at power 0.95: {check['at 0.95']:.2f} at most for 0/1 scores (about 0.49 is the least that any "
            f"test can have there)",
            check["at 0.95"] <= 0.5,
        ),
        (
            f"at power 0.99 for graded scores, against a z test that is told the variance: {check['graded']:.2f} at "
            f"most (the row at 0.9, next to the bound; see the table)",
            check["graded"] <= 0.5,
        ),
        (
            f"`check` is wrong in at most 5 % of checks, either way: {check['error']:.1%} at most, of which "
            f"{noise:.1%} may be the simulation's luck (three standard errors)",
            check["error"] <= ALPHA + noise,
        ),
        (f"95 % intervals cover in at least 93 % of studies: {report['coverage']:.1%}", report["coverage"] >= 0.93),
        (f"at a mean width of at most 1.3 times the fixed-sample one: {report['width']:.2f}", report["width"] <= 1.3),
        (f'false "better than the baseline" in at most 5 % of worlds: {better:.1%} at most', better <= 0.05),
        (
            f"the winner's quality is off by at most 0.5 points on average: {report['bias']:.2f} at most, beyond two "
            f"standard errors of the simulation",
            report["bias"] <= 0.5,
        ),
    ]
    return f"""# Can its answers be believed?

`uv run benchmarks/honesty.py --runs {runs} --seed {seed}`, {time.strftime("%Y-%m-%d")}, commit {commit()},
{time.monotonic() - began:.0f} s. Simulated worlds; no price table, as nothing is sent.

{chr(10).join(f"- {'yes' if holds else '**NO**'}: {claim}" for claim, holds in claims)}

## `tune check`

Margin {MARGIN}, error rates {ALPHA} and {BETA}, {runs} checks a row of at most {MOST} examples each. The line is the
recorded quality less the margin, so "no change" and "twice the margin" are equally far from it. Fixed size: examples
of a one-sided test of that line with the same error rate there, at power 0.90 / 0.95 / 0.99 (the exact binomial test;
for graded scores a z test that is told the variance, which no real test is). Ratio: mean calls of a check that is given
just so many examples that it decides as often, over that size. A sequential test gains the more, the more power is
wanted: at 0.95 the ratio for 0/1 scores is {check["at 0.95"]:.2f} at most, where no test with these error rates can
have less than about 0.49 (Wald's bound). Without a limit on examples a check always comes to an answer.

{chr(10).join(check_rows)}

## Intervals and bias of a report

24 configs; the best on 60 tuning examples is chosen, then it meets the holdout together with the baseline. Width is
over that of Wilson's interval (0/1 scores) or Student's t (graded scores and differences), which fail to cover at small
sizes and near the bounds. Bias: mean of the reported quality less the truth, with its standard error.

{chr(10).join(report_rows)}

## Better than the baseline?

The choice among 24 configs of which none is better.

{chr(10).join(better_rows)}
"""


def commit() -> str:
    found = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False)
    return found.stdout.strip() or "unknown"


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path("results/honesty.md"))
    given = parser.parse_args(argv)
    text = page(given.seed, given.runs)
    given.out.parent.mkdir(parents=True, exist_ok=True)
    given.out.write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()

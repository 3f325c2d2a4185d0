// The report's JSON with its gaps closed off: anything may be missing, and what is missing is null,
// never zero. Knows nothing about how things are shown.

const list = (value) => (Array.isArray(value) ? value : []);
const number = (value) => (typeof value === "number" && Number.isFinite(value) ? value : null);
const distinct = (values) => [...new Set(values)];

export class Report {
    constructor(json) {
        const report = json && typeof json === "object" ? json : {};
        this.head = report;
        this.cells = list(report.cells).filter((cell) => cell && typeof cell === "object");
        this.rows = list(report.rows).filter((row) => row && typeof row === "object");
        const everything = [...this.cells, ...this.rows];
        const described = list(report.tasks).map((task) =>
            (typeof task === "string" ? {name: task} : task)).filter((task) => task?.name);
        this.descriptions = new Map(described.map((task) => [task.name, task.description ?? ""]));
        this.tasks = distinct([...described.map((task) => task.name),
            ...everything.map((one) => one.task).filter(Boolean)]);
        this.methods = distinct([...list(report.methods),
            ...everything.map((one) => one.method).filter(Boolean)]);
        this.lengths = distinct([...list(report.lengths), ...everything.map((one) => one.length)]
            .filter((one) => number(one) > 0)).sort((a, b) => a - b);
        this.byKey = new Map(this.cells.map((cell) =>
            [JSON.stringify([cell.method, cell.task, cell.length]), cell]));
    }

    // The cell if it was run, else null.
    cell(method, task, length) {
        const cell = this.byKey.get(JSON.stringify([method, task, length]));
        return cell && number(cell.score) !== null ? cell : null;
    }

    // One task, or with task "" all of them.
    cellsOf(method, task, length) {
        return (task ? [task] : this.tasks)
            .map((name) => this.cell(method, name, length)).filter(Boolean);
    }

    // The score at a length: of one task, or the mean over tasks, each counting alike. The interval
    // of a mean comes from those of independent tasks: squares of half-widths add. `tasks` says over
    // how many of `of` tasks: a mean over a part of them is not comparable.
    score(method, task, length) {
        const cells = this.cellsOf(method, task, length);
        const of = task ? 1 : this.tasks.length;
        if (cells.length === 0) {
            return {score: null, low: null, high: null, n: 0, tasks: 0, of};
        }
        const mean = cells.reduce((sum, cell) => sum + cell.score, 0) / cells.length;
        const spread = (side) => (cells.every((cell) => number(cell[side]) !== null)
            ? Math.sqrt(cells.reduce((sum, cell) => sum + (cell.score - cell[side]) ** 2, 0)) /
                cells.length
            : null);
        const [below, above] = [spread("ci_low"), spread("ci_high")];
        return {
            score: mean,
            low: below === null ? null : mean - below,
            high: above === null ? null : mean + above,
            n: sum(cells, "n"),
            tasks: cells.length,
            of,
        };
    }

    // Scores by a field of the cells ("by_depth", "by_hops"), several tasks weighed by their n.
    // Gives [{key, label..., n, score}] in order of key.
    split(field, key, method, task, length) {
        const parts = new Map();
        for (const cell of this.cellsOf(method, task, length)) {
            for (const part of list(cell[field])) {
                if (number(part.score) === null || !(part.n > 0)) continue;
                const id = key(part);
                const sofar = parts.get(id) ?? {key: id, n: 0, sum: 0};
                sofar.n += part.n;
                sofar.sum += part.n * part.score;
                parts.set(id, sofar);
            }
        }
        return [...parts.values()].map(({key: id, n, sum: total}) =>
            ({key: id, n, score: total / n}));
    }

    // What a question cost on average: totals of the cells over their questions; null if unknown.
    cost(method, task, length) {
        const cells = this.cellsOf(method, task, length);
        const n = sum(cells, "n");
        const each = (field) => {
            const total = sum(cells, field);
            return total === null || !n ? null : total / n;
        };
        const [read, cached, generated] =
            ["prompt_tokens", "cached_prompt_tokens", "generated_tokens"].map(each);
        return {
            read, cached, generated,
            computed: read === null ? null : read - (cached ?? 0) + (generated ?? 0),
            seconds: each("seconds"),
        };
    }

    // {changed, of}: sections without evidence at which the memory changed; null where none are
    // known.
    falseUpdates(method, task, length) {
        const known = this.cellsOf(method, task, length)
            .filter((cell) => number(cell.sections_without_evidence) > 0);
        const changed = sum(known, "false_updates");
        return changed === null ? null : {changed, of: sum(known, "sections_without_evidence")};
    }

    // The first method less another on the rows that both have, over all tasks; null if not known.
    difference(against, length) {
        const found = list(this.head.differences).find((one) => one?.method === this.methods[0] &&
            one.against === against && one.length === length);
        return found && number(found.difference) !== null ? found : null;
    }

    // {outcome: count} over cells, those without a score too: why there is none is an outcome.
    outcomes(method, task, length) {
        const counts = {};
        for (const name of task ? [task] : this.tasks) {
            const cell = this.byKey.get(JSON.stringify([method, name, length])) ?? {};
            for (const [outcome, count] of Object.entries(cell.outcomes ?? {})) {
                if (number(count) > 0) counts[outcome] = (counts[outcome] ?? 0) + count;
            }
        }
        return counts;
    }
}

// Of a field over cells, null if any lacks it.
function sum(cells, field) {
    if (cells.length === 0 || cells.some((cell) => number(cell[field]) === null)) return null;
    return cells.reduce((total, cell) => total + cell[field], 0);
}

// Numbers as people read them. A missing number is a dash, never a zero.

export const missing = "\u2013";
const known = (value) => typeof value === "number" && Number.isFinite(value);

// 65536 -> "64K", 3670016 -> "3.5M": as the command line writes lengths.
export function length(tokens) {
    if (!known(tokens)) return missing;
    const steps = tokens % 1024 === 0 ? 1024 : 1000;
    const short = (value) => String(Number(value.toFixed(value < 10 ? 1 : 0)));
    if (tokens >= steps * steps) return `${short(tokens / steps / steps)}M`;
    return tokens >= steps ? `${short(tokens / steps)}K` : String(tokens);
}

export const whole = (value) => (known(value) ? Math.round(value).toLocaleString("en") : missing);

// 1234567 -> "1.23M"
export function rough(value) {
    if (!known(value)) return missing;
    if (value !== 0 && Math.abs(value) < 10) return String(Number(value.toPrecision(2)));
    return new Intl.NumberFormat("en", {notation: "compact", maximumSignificantDigits: 3})
        .format(value);
}

export function percent(share, digits = 0) {
    return known(share) ? `${(100 * share).toFixed(digits)}%` : missing;
}

// "80\u201393%"
export function interval(low, high) {
    return known(low) && known(high)
        ? `${(100 * low).toFixed(0)}\u2013${(100 * high).toFixed(0)}%` : "";
}

export function seconds(value) {
    if (!known(value)) return missing;
    if (value < 60) return `${rough(value)} s`;
    if (value < 3600) return `${rough(value / 60)} min`;
    return `${rough(value / 3600)} h`;
}

// "never_noted" -> "never noted"
export const words = (name) => String(name).replaceAll("_", " ");

// 1234567 -> "1.2 MB"
export function bytes(value) {
    if (!known(value)) return missing;
    const units = ["bytes", "kB", "MB", "GB", "TB"];
    let unit = 0;
    for (; value >= 1000 && unit < units.length - 1; ++unit) value /= 1000;
    return `${unit > 0 && value < 10 ? value.toFixed(1) : Math.round(value)} ${units[unit]}`;
}

// The document as a strip: how far it was read, where the memory changed, which change is looked
// at. A slider over the changes for keyboards and screen readers.
import {canvas, el, svg} from "../parts/dom.js";

const HEIGHT = 40;
const EDGE = 7;

// `get()` gives {extent, read, spans: [{begin, end}], current, labels}; `go(change)` is called
// with the change that was chosen.
export function strip(get, go) {
    const last = () => get().spans.length - 1;

    function choose(event) {
        const {extent, spans} = get();
        const box = drawing.place.getBoundingClientRect();
        const place = ((event.clientX - box.left - EDGE) / (box.width - 2 * EDGE)) * extent;
        let best = -1;
        let nearest = Infinity;
        spans.forEach(({begin, end}, i) => {
            const away = place < begin ? begin - place : place > end ? place - end : 0;
            if (away <= nearest) [best, nearest] = [i, away];
        });
        if (best >= 0) go(best);
    }

    function onkeydown(event) {
        const {current} = get();
        const keys = {ArrowLeft: current - 1, ArrowDown: current - 1, ArrowRight: current + 1,
            ArrowUp: current + 1, Home: 0, End: last(), PageDown: current - 10,
            PageUp: current + 10};
        if (!(event.key in keys) || event.altKey || event.ctrlKey || event.metaKey) return;
        event.preventDefault();
        if (last() >= 0) go(Math.max(0, Math.min(last(), keys[event.key])));
    }

    function draw(width) {
        const {extent, read, spans, current} = get();
        const x = (place) => EDGE + (Math.min(place, extent) / Math.max(1, extent)) *
            (width - 2 * EDGE);
        const [top, bottom] = [6, 28];
        const box = ({begin, end}) => {
            const [left, right] = [x(begin), Math.max(x(end), x(begin) + 2)];
            return `M${left.toFixed(1)},${top}H${right.toFixed(1)}V${bottom}H${left.toFixed(1)}Z`;
        };
        const frame = {x: EDGE, y: top, height: bottom - top, rx: 3};
        const chosen = spans[current];
        // One path for all changes: ten thousand cost no more than ten.
        return svg("svg", {width, height: HEIGHT, viewBox: `0 0 ${width} ${HEIGHT}`,
            "aria-hidden": "true"},
        svg("rect", {class: "strip-all", ...frame, width: width - 2 * EDGE}),
        svg("rect", {class: "strip-read", ...frame, width: Math.max(0, x(read) - EDGE)}),
        svg("path", {class: "strip-changed", d: spans.map(box).join("")}),
        spans.length * 4 > width ? null : svg("path", {class: "strip-borders",
            d: spans.map(({begin}) => `M${x(begin).toFixed(1)},${top}V${bottom}`).join("")}),
        chosen ? svg("path", {class: "strip-current", d: box(chosen)}) : null,
        chosen ? svg("path", {class: "strip-pointer",
            d: `M${((x(chosen.begin) + x(chosen.end)) / 2).toFixed(1)},${bottom + 2}l-5,8h10Z`})
            : null);
    }

    const drawing = canvas({class: "strip", role: "slider", tabindex: "0", onclick: choose,
        onkeydown, "aria-label": "Changes of the memory along the document",
        "aria-orientation": "horizontal"}, draw);

    function redraw() {
        const {spans, current, labels} = get();
        const place = drawing.place;
        place.setAttribute("aria-valuemin", spans.length > 0 ? "1" : "0");
        place.setAttribute("aria-valuemax", String(spans.length));
        place.setAttribute("aria-valuenow", String(current + 1));
        place.setAttribute("aria-valuetext", spans.length > 0
            ? `Change ${current + 1} of ${spans.length}, ${labels(current)}` : "No changes yet");
        drawing.redraw();
    }
    return {element: drawing.place, redraw};
}

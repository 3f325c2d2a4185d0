// Elements without innerHTML: text of documents and models is never markup. Also the frame every
// section and chart of a page stands in.

// el("td", {class: "number", onclick: f}, "text", node, ...): null children are left out.
export function el(tag, attributes = {}, ...children) {
    return fillIn(document.createElement(tag), attributes, children);
}

const SVG = "http://www.w3.org/2000/svg";
export function svg(tag, attributes = {}, ...children) {
    return fillIn(document.createElementNS(SVG, tag), attributes, children);
}

function fillIn(node, attributes, children) {
    for (const [name, value] of Object.entries(attributes)) {
        if (value === null || value === undefined || value === false) continue;
        if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
        else node.setAttribute(name, value === true ? "" : String(value));
    }
    node.append(...children.flat().filter((child) => child !== null && child !== undefined));
    return node;
}

export function section(id, title, lead, ...children) {
    return el("section", {id, "aria-labelledby": `${id}-title`},
        el("h2", {id: `${id}-title`}, title),
        lead ? el("p", {class: "lead"}, lead) : null,
        ...children);
}

// A place for a drawing that depends on its width: draw(width) gives the node, now, whenever the
// width changes and on redraw().
export function canvas(attributes, draw) {
    const place = el("div", attributes);
    let drawn = 0;
    const redraw = () => {
        const width = Math.floor(place.clientWidth);
        if (width <= 0) return;
        drawn = width;
        place.replaceChildren(draw(width));
    };
    new ResizeObserver(() => {
        if (Math.floor(place.clientWidth) !== drawn) redraw();
    }).observe(place);
    return {place, redraw};
}

// A drop-down with its label; options are [value, text].
export function choice(label, options, value, onchange) {
    const select = el("select", {onchange: () => onchange(select.value)},
        options.map(([key, text]) => el("option", {value: key, selected: key === value}, text)));
    return el("label", {class: "choice"}, el("span", {}, label), select);
}

// A table that scrolls sideways by itself where the page is narrow. Cells are strings or nodes;
// the first of a row names it.
export function table(caption, heads, rows) {
    return el("div", {class: "scroll", tabindex: "0", role: "region", "aria-label": caption},
        el("table", {},
            el("caption", {}, caption),
            el("thead", {}, el("tr", {}, heads.map((head) => el("th", {scope: "col"}, head)))),
            el("tbody", {}, rows.map(([name, ...cells]) => el("tr", {},
                el("th", {scope: "row"}, name),
                cells.map((cell) => cell instanceof Element && cell.tagName === "TD"
                    ? cell : el("td", {}, cell)))))));
}

// The numbers behind a chart, folded away.
export function numbers(content) {
    return el("details", {class: "numbers"}, el("summary", {}, "Numbers"), content);
}

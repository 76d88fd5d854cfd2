/* A loss curve that grows: the loss of each step, that of held-out sentences, and dashed lines to compare with. */

const SVG = "http://www.w3.org/2000/svg";
const [WIDTH, HEIGHT] = [640, 260];
const [LEFT, RIGHT, TOP, BOTTOM] = [38, 8, 10, 30];

export class LossChart {
  constructor(place) {
    this.svg = shape("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, class: "door-chart", role: "img", "aria-label": "Loss, step by step" });
    place.append(this.svg);
  }

  /* steps: of the whole run; lines: { name: loss } of the dashed lines. */
  begin(steps, lines) {
    this.steps = steps;
    this.lines = lines;
    this.train = [];
    this.heldOut = [];
    this.draw();
  }

  add(losses, heldOut) {
    this.train.push(...losses);
    if (heldOut) this.heldOut.push(heldOut);
    this.draw();
  }

  x(step) {
    return LEFT + ((WIDTH - LEFT - RIGHT) * step) / this.steps;
  }

  y(loss) {
    return TOP + ((HEIGHT - TOP - BOTTOM) * (this.most - loss)) / (this.most - this.least);
  }

  draw() {
    const seen = [...this.train, ...this.heldOut].map(([, loss]) => loss);
    const dashed = Object.values(this.lines);
    this.most = Math.max(...dashed, ...seen) + 0.2;
    this.least = Math.max(0, Math.min(...dashed, ...seen) - 0.4);
    this.svg.replaceChildren(...this.axes(), ...Object.entries(this.lines).flatMap(([name, loss]) => this.dashed(name, loss)));
    this.svg.append(this.path(this.train, "door-each"), this.path(smooth(this.train), "door-mean"), this.path(this.heldOut, "door-held"));
    for (const [step, loss] of this.heldOut) this.svg.append(shape("circle", { cx: this.x(step), cy: this.y(loss), r: 3, class: "door-dot" }));
    const [step, loss] = this.heldOut.at(-1) ?? [0, NaN];
    this.svg.setAttribute("aria-label", `Loss of the masked tokens: ${loss.toFixed(2)} on held-out sentences after ${step} steps`);
  }

  axes() {
    const floor = HEIGHT - BOTTOM;
    const parts = [shape("path", { d: `M${LEFT} ${TOP}V${floor}H${WIDTH - RIGHT}`, class: "door-axis" })];
    for (let loss = Math.ceil(this.least); loss <= this.most; loss++) parts.push(label(LEFT - 6, this.y(loss) + 4, String(loss), "end"));
    for (const part of [0, 0.25, 0.5, 0.75, 1]) {
      const step = Math.round(part * this.steps);
      parts.push(label(this.x(step), HEIGHT - 12, part === 1 ? `${step} steps` : String(step), part === 1 ? "end" : "middle"));
    }
    return parts;
  }

  dashed(name, loss) {
    const y = this.y(loss);
    return [shape("path", { d: `M${LEFT} ${y}H${WIDTH - RIGHT}`, class: "door-line" }), label(WIDTH - RIGHT, y - 4, name, "end")];
  }

  path(points, name) {
    const d = points.map(([step, loss], i) => `${i ? "L" : "M"}${this.x(step).toFixed(1)} ${this.y(loss).toFixed(1)}`).join("");
    return shape("path", { d: d || "M0 0", class: name });
  }
}

/* The mean of the last steps at each step: single batches are noisy. */
function smooth(points, span = 15) {
  let sum = 0;
  return points.map(([step, loss], i) => {
    sum += loss - (i >= span ? points[i - span][1] : 0);
    return [step, sum / Math.min(i + 1, span)];
  });
}

function shape(tag, attributes) {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  return element;
}

function label(x, y, text, anchor) {
  const element = shape("text", { x, y, "text-anchor": anchor });
  element.textContent = text;
  return element;
}

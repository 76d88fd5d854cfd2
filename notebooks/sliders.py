"""Three figures to play with: `temperature()`, `layer_norm_circle()`, `ravine()`. A notebook's cell ends with the call.

Each is one piece of HTML that needs neither a network nor a library. Where scripts do not run (an untrusted notebook, a print), a
picture by matplotlib stands in its place. The ground is white, as that of all figures, so that it reads on light and dark pages.
"""

import base64
import io
import json
from collections.abc import Sequence
from typing import Any

import numpy as np

from notebook_tools import INK, SECOND, THIRD

STYLE = """
.ab-fig{background:#fff;color:#222;border-radius:6px;padding:8px;max-width:560px;margin:0 0 1em;font:14px/1.4 sans-serif}
.ab-fig>img,.ab-fig svg{width:100%;height:auto;display:block;margin:0}
.ab-fig svg text{font:12px sans-serif;fill:#222}
.ab-fig label{display:flex;gap:.6em;align-items:center;margin:2px 0}
.ab-fig label span{flex:0 0 11.5em}.ab-fig input{flex:1 1 6em;min-width:0;accent-color:#1f4e8c}
.ab-fig output{flex:0 0 4em;text-align:right}
.ab-ready>img{display:none}
@media (max-width:30em){.ab-fig label span{flex-basis:8.5em}}
@media print{.ab-ready>img{display:block}.ab-live{display:none}}
"""

# controls: [key, label, least, greatest, step, first value, whether the slider runs over its logarithm]
COMMON = """
const INK="#1f4e8c",SECOND="#b3541e",THIRD="#3c7a3e",GREY="#888";
const fixed=(x,n=2)=>x.toFixed(n).replace("-","\\u2212");
const sum=a=>a.reduce((s,x)=>s+x,0);
const text=(x,y,s,more="")=>`<text x="${x}" y="${y}" ${more}>${s}</text>`;
const line=(a,b,c,d,more)=>`<line x1="${a}" y1="${b}" x2="${c}" y2="${d}" ${more}/>`;
function arrow(a,b,c,d,colour){
  const l=Math.hypot(c-a,d-b),h=Math.min(9,l);
  if(l<1)return "";
  const u=(c-a)/l,v=(d-b)/l,e=c-h*u,f=d-h*v;
  return line(a,b,c-h*u/2,d-h*v/2,`stroke="${colour}" stroke-width="2.5"`)
    +`<path d="M${c} ${d}L${e-4*v} ${f+4*u}L${e+4*v} ${f-4*u}Z" fill="${colour}"/>`;
}
function build(root,height,controls,draw){
  const live=document.createElement("div"),state={},inputs={};
  live.className="ab-live";
  live.innerHTML=`<svg viewBox="0 0 440 ${height}" role="img" aria-label="${root.querySelector("img").alt}"></svg>`;
  const svg=live.firstChild,show=()=>{svg.innerHTML=draw(state)};
  for(const [key,name,least,most,step,first,log] of controls){
    const label=document.createElement("label"),f=log?Math.log10:x=>x;
    label.innerHTML=`<span>${name}</span><input type="range" min="${f(least)}" max="${f(most)}" step="${step}"><output></output>`;
    const input=label.querySelector("input"),out=label.querySelector("output");
    const set=x=>{state[key]=x;out.textContent=fixed(x,log&&x<.1?3:log||step<1?2:0)};
    input.addEventListener("input",()=>{set(log?10**+input.value:+input.value);show()});
    inputs[key]=x=>{input.value=f(x);set(x)};
    inputs[key](first);
    live.append(label);
  }
  root.append(live);
  root.classList.add("ab-ready");
  show();
  return {svg,state,inputs,show};
}
"""

SCRIPT = """
(function start(tries){
const roots=document.querySelectorAll(".%s:not(.ab-ready)");
if(!roots.length){if(tries<50)setTimeout(start,100,tries+1);return}
%s
for(const root of roots){
%s
}
})(0);
"""  # Jupyter may run a script before its output is on the page, hence the tries


def html(name: str, picture: Any, alt: str, data: Any, script: str) -> Any:
    """Return the figure. data: for the script, which finds it as `data`, and the element as `root`."""
    from IPython.display import HTML

    data_line = f"const data={json.dumps(data, ensure_ascii=False)};"
    script = SCRIPT % (f"ab-{name}", COMMON, data_line + script)
    return HTML(
        f'<figure class="ab-fig ab-{name}"><style>{STYLE}</style>'
        f'<img alt="{alt}" src="data:image/png;base64,{small_png(picture)}">'
        f"<script>{script}</script></figure>"
    )


def small_png(figure: Any) -> str:
    """Return a figure of matplotlib as a PNG with a palette, in base64."""
    from PIL import Image

    picture, file = io.BytesIO(), io.BytesIO()
    figure.savefig(picture, format="png", dpi=90)
    small = Image.open(picture).convert("RGB").quantize(48, dither=Image.Dither.NONE)
    small.save(file, format="png", optimize=True)
    return base64.b64encode(file.getvalue()).decode()


def new_figure(height: float) -> Any:
    """Return a white figure that pyplot does not know of, so that a notebook does not show it a second time."""
    from matplotlib.figure import Figure

    return Figure(figsize=(6.0, height), facecolor="white", layout="constrained")


# The temperature of a softmax


def softmax(x: np.ndarray) -> np.ndarray:
    e = np.exp(x - x.max())
    return e / e.sum()


TEMPERATURE = """
const {names,scores,tau}=data;
build(root,226,[["tau","temperature τ",.1,10,.01,tau,true]],s=>{
  const top=Math.max(...scores),e=scores.map(x=>Math.exp((x-top)/s.tau)),y=e.map(x=>x/sum(e));
  const w=420/y.length,entropy=-sum(y.map(p=>p>0?p*Math.log(p):0)),k=scores.indexOf(top);
  return y.map((p,i)=>{
    const x=10+i*w,h=140*p;
    return `<rect x="${x+.15*w}" y="${170-h}" width="${.7*w}" height="${h}" fill="${INK}"/>`
      +text(x+w/2,164-h,fixed(p),'text-anchor="middle"')+text(x+w/2,186,names[i],'text-anchor="middle"')
      +text(x+w/2,202,"score "+fixed(scores[i],1),'text-anchor="middle"');
  }).join("")+line(10,170,430,170,'stroke="#222"')
    +text(10,222,`entropy ${fixed(entropy)} of at most ${fixed(Math.log(y.length))}`)
    +text(430,222,`slope of the largest: y (1 − y) / τ = ${fixed(y[k]*(1-y[k])/s.tau,3)}`,'text-anchor="end"');
});
"""


def temperature(
    scores: Sequence[float] = (2.0, 1.0, 0.5, -1.0),
    names: Sequence[str] | None = None,
    tau: float = 1.0,
) -> Any:
    """Show softmax(scores / τ) with a slider for τ, from 0.1 to 10; up to eight scores, with names under the bars."""
    scores = [float(score) for score in scores]
    names = [f"x{i}" for i in range(1, len(scores) + 1)] if names is None else list(names)
    if not 2 <= len(scores) <= 8 or len(names) != len(scores):
        raise ValueError(
            f"scores: expected 2 to 8, with as many names, got {len(scores)} and {len(names)}"
        )
    if not 0.1 <= tau <= 10:
        raise ValueError(f"tau: expected a number from 0.1 to 10, got {tau}")
    figure = new_figure(2.2)
    axes = figure.subplots(1, 3, sharey=True)
    for ax, each in zip(axes, (0.3, 1.0, 3.0)):
        bars = ax.bar(names, softmax(np.array(scores) / each), color=INK)
        ax.bar_label(bars, fmt="%.2f", fontsize=8)
        ax.set_title(f"τ = {each:g}", fontsize=10, loc="left")
        ax.set(ylim=(0, 1.1), yticks=())
        ax.tick_params(labelsize=8)
        ax.spines[["top", "right", "left"]].set_visible(False)
    alt = "The softmax of the same scores at three temperatures: the higher, the more even"
    return html(
        "temperature", figure, alt, {"names": names, "scores": scores, "tau": tau}, TEMPERATURE
    )


# A row on the circle of layer norm

ACROSS, UPWARDS = (
    np.array([0.0, 1.0, -1.0]) / 2**0.5,
    np.array([2.0, -1.0, -1.0]) / 6**0.5,
)  # in the plane ⟂ (1, 1, 1)


def layer_norm(x: np.ndarray, dy: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return xhat and dx of one row, with gamma 1 and beta 0."""
    centred = x - x.mean()
    std = np.sqrt((centred**2).mean())
    xhat = centred / std
    return xhat, (dy - dy.mean() - xhat * (dy * xhat).mean()) / std


CIRCLE = """
const A=[0,1,-1].map(x=>x/Math.SQRT2),U=[2,-1,-1].map(x=>x/Math.sqrt(6)),UNIT=40,CX=142,CY=140,GRAD=56;
const dot=(a,b)=>sum(a.map((x,i)=>x*b[i])),mean=a=>sum(a)/3;
const at=v=>[CX+UNIT*dot(v,A),CY-UNIT*dot(v,U)];
const shift=(p,v,k)=>[p[0]+k*dot(v,A),p[1]-k*dot(v,U)];
const row=v=>"("+v.map(x=>fixed(x)).join(", ")+")";
const {x,dy}=data,c0=x.map(v=>v-mean(x));
const fig=build(root,290,[["angle","direction (degrees)",-180,180,1,Math.atan2(dot(c0,U),dot(c0,A))*180/Math.PI,false],
  ["std","standard deviation σ",.4,1.8,.01,Math.hypot(...c0)/Math.sqrt(3),true],["mean","mean μ",-3,3,.1,mean(x),false]],s=>{
  const t=s.angle*Math.PI/180,hat=A.map((a,i)=>Math.sqrt(3)*(a*Math.cos(t)+U[i]*Math.sin(t)));
  const c=hat.map(v=>v*s.std),full=c.map(v=>v+s.mean),flat=dy.map(v=>v-mean(dy));
  const k=mean(hat.map((v,i)=>v*flat[i])),dx=hat.map((v,i)=>(flat[i]-v*k)/s.std);
  const p=at(c),q=at(hat),axes=[0,1,2].map(i=>{
    const e=at([0,1,2].map(j=>j==i?3.1:0));
    return line(CX,CY,...e,'stroke="#ccc"')+text(e[0]+4,e[1]+4,"x"+"₁₂₃"[i],'style="fill:#888"')}).join("");
  const out=[["x",full],["x̂",hat],["dy",dy],["dx",dx]].map(([n,v],i)=>
    text(296,40+46*i,n,'style="font-weight:bold"')+text(296,58+46*i,row(v))).join("");
  return axes+`<circle cx="${CX}" cy="${CY}" r="${UNIT*Math.sqrt(3)}" fill="none" stroke="${GREY}"/>`
    +line(CX,CY,...p,'stroke="#999" stroke-dasharray="4 3"')
    +arrow(...q,...shift(q,flat,GRAD),GREY)+arrow(...p,...shift(p,dx,GRAD),SECOND)
    +`<circle cx="${q[0]}" cy="${q[1]}" r="5" fill="#fff" stroke="${INK}" stroke-width="2"/>`
    +`<circle cx="${p[0]}" cy="${p[1]}" r="7" fill="${INK}" style="cursor:move"/>`+out
    +text(296,232,"dot: x − μ;  ring: x̂")+text(296,248,"grey: dy − mean(dy)",`style="fill:${GREY}"`)
    +text(296,264,"orange: dx",`style="fill:${SECOND}"`)+text(296,284,"Drag the dot.");
});
const drag=e=>{
  const m=fig.svg.getScreenCTM(),X=(e.clientX-m.e)/m.a-CX,Y=CY-(e.clientY-m.f)/m.d,r=Math.hypot(X,Y)/UNIT/Math.sqrt(3);
  fig.inputs.angle(Math.atan2(Y,X)*180/Math.PI);fig.inputs.std(Math.min(1.8,Math.max(.4,r)));fig.show();
};
fig.svg.style.touchAction="none";
fig.svg.addEventListener("pointerdown",e=>{fig.svg.setPointerCapture(e.pointerId);drag(e)});
fig.svg.addEventListener("pointermove",e=>{if(e.buttons)drag(e)});
"""


def layer_norm_circle(
    x: Sequence[float] = (1.0, 2.0, 3.0), dy: Sequence[float] = (1.0, 0.0, 0.0)
) -> Any:
    """Show a row of three numbers in the plane perpendicular to (1, 1, 1), its normalised row, and dx; the row can be dragged.

    The normalised rows lie on a circle; gamma is 1 and beta 0. dx is tangent to it, and the shorter the larger σ is.
    """
    row, gradient = np.array(x, dtype=float), np.array(dy, dtype=float)
    if row.shape != (3,) or gradient.shape != (3,):
        raise ValueError(f"x and dy: expected three numbers each, got {list(x)} and {list(dy)}")
    if not 0.4 <= row.std() <= 1.8 or abs(row.mean()) > 3:
        raise ValueError(
            f"x: expected a mean within 3 of 0 and a deviation from 0.4 to 1.8, got {row.mean():g} and {row.std():g}"
        )
    figure = new_figure(3.1)
    axes = figure.subplots(1, 2, sharex=True, sharey=True)
    for ax, std in zip(axes, (0.5, 1.4)):
        centred = (row - row.mean()) / row.std() * std
        xhat, dx = layer_norm(centred, gradient)
        circle = np.linspace(0, 2 * np.pi, 200)
        ax.plot(3**0.5 * np.cos(circle), 3**0.5 * np.sin(circle), color="#888888", lw=1)
        flat = gradient - gradient.mean()
        for start, step, colour in ((xhat, flat, "#888888"), (centred, dx, SECOND)):
            style = {"arrowstyle": "-|>", "color": colour, "lw": 2, "shrinkA": 0, "shrinkB": 0}
            ax.annotate("", in_plane(start + 1.3 * step), in_plane(start), arrowprops=style)
        ax.plot(*in_plane(xhat), "o", mfc="white", mec=INK, ms=7)
        ax.plot(*in_plane(centred), "o", color=INK, ms=9)
        ax.set_title(
            f"σ = {std:g}: dx = ({', '.join(f'{v:.2f}' for v in dx)})", fontsize=9, loc="left"
        )
        ax.set(xlim=(-2.6, 2.6), ylim=(-2.6, 2.6), aspect="equal")
        ax.axis("off")
    alt = "A row as a dot in the plane, its normalised row on a circle, and dx, which is short where the row is long"
    return html(
        "circle", figure, alt, {"x": list(map(float, x)), "dy": list(map(float, dy))}, CIRCLE
    )


def in_plane(v: np.ndarray) -> tuple[float, float]:
    return float(v @ ACROSS), float(v @ UPWARDS)


# Momentum and √v in a ravine

START = np.array([-9.0, 1.6])
LEVELS = (1, 4, 10, 20, 35, 55, 80, 110)  # of the loss


def paths(
    steps: int,
    steepness: float,
    rate: float,
    momentum_rate: float,
    adam_rate: float,
    beta1: float,
    beta2: float,
) -> dict[str, np.ndarray]:
    """Return the points, (steps + 1, 2), of plain gradient descent, momentum and Adam (with corrected moments)."""
    found, curvature = {}, np.array([1.0, steepness])
    for name in ("plain", "momentum", "Adam"):
        w, m, v = START.copy(), np.zeros(2), np.zeros(2)
        points = [w.copy()]
        for t in range(1, steps + 1):
            g = curvature * w
            m = beta1 * m + (1 - beta1) * g
            v = beta2 * v + (1 - beta2) * g * g
            u = m / (1 - beta1**t) / (np.sqrt(v / (1 - beta2**t)) + 1e-8)
            w = w - {"plain": rate * g, "momentum": momentum_rate * m, "Adam": adam_rate * u}[name]
            points.append(w.copy())
        found[name] = np.array(points)
    return found


RAVINE = """
const W0=[-9,1.6],COLOURS={plain:INK,momentum:SECOND,Adam:THIRD},d=data;
const X=w=>20+30*(w+10.5),Y=w=>120-44*w;
build(root,292,[["k","steepness across",1,100,.01,d.steepness,true],["rate","rate of plain",.005,1,.01,d.rate,true],
  ["momentum","rate of momentum",.005,1,.01,d.momentum_rate,true],["beta1","β₁ of momentum, Adam",0,.98,.01,d.beta1,false],
  ["adam","rate of Adam",.01,2,.01,d.adam_rate,true],["beta2","β₂ of Adam",.5,.999,.001,d.beta2,false]],s=>{
  const C=[1,s.k],loss=w=>(C[0]*w[0]**2+C[1]*w[1]**2)/2;
  let out='<clipPath id="ab-clip"><rect width="440" height="240"/></clipPath><g clip-path="url(#ab-clip)">';
  for(const c of d.levels)
    out+=`<ellipse cx="${X(0)}" cy="${Y(0)}" rx="${30*Math.sqrt(2*c)}" ry="${44*Math.sqrt(2*c/s.k)}" fill="none"`
      +' stroke="#ccd3dd"/>';
  out+=`<path d="M${X(0)-5} ${Y(0)}h10M${X(0)} ${Y(0)-5}v10" stroke="#222"/>`;
  const results=[];
  for(const name in COLOURS){
    let w=[...W0],m=[0,0],v=[0,0],points=[w];
    for(let t=1;t<=d.steps;t++){
      w=w.map((x,i)=>{
        const g=C[i]*x;
        m[i]=s.beta1*m[i]+(1-s.beta1)*g;
        v[i]=s.beta2*v[i]+(1-s.beta2)*g*g;
        const u=m[i]/(1-s.beta1**t)/(Math.sqrt(v[i]/(1-s.beta2**t))+1e-8);
        return x-(name=="plain"?s.rate*g:name=="momentum"?s.momentum*m[i]:s.adam*u);
      });
      points.push(w);
    }
    const near=points.map(p=>[X(p[0]),Y(p[1])].map(z=>Math.max(-2000,Math.min(2000,z)).toFixed(1)));
    out+=`<polyline points="${near.map(p=>p.join()).join(" ")}" fill="none" stroke="${COLOURS[name]}" stroke-width="1.6"/>`
      +near.map(p=>`<circle cx="${p[0]}" cy="${p[1]}" r="2.2" fill="${COLOURS[name]}"/>`).join("");
    const l=loss(w);
    results.push([name,l<1e4?l<.001?"below 0.001":l.toPrecision(3):"diverges"]);
  }
  return out+"</g>"+text(10,262,`loss after ${d.steps} steps, ${loss(W0).toFixed(1)} at the start:`)
    +results.map(([name,l],i)=>text(10+145*i,282,`${name}: ${l}`,`style="fill:${COLOURS[name]};font-weight:bold"`)).join("");
});
"""
LIMITS = {
    "steps": (1, 80), "steepness": (1, 100), "rate": (0.005, 1), "momentum_rate": (0.005, 1), "adam_rate": (0.01, 2),
    "beta1": (0, 0.98), "beta2": (0.5, 0.999),
}  # fmt: skip


def ravine(
    steps: int = 40,
    steepness: float = 25.0,
    rate: float = 0.07,
    momentum_rate: float = 0.2,
    adam_rate: float = 0.4,
    beta1: float = 0.8,
    beta2: float = 0.99,
) -> Any:
    """Show the paths of plain gradient descent, momentum and Adam down a ravine, with sliders for all but the number of steps.

    The loss is (w₁² + steepness · w₂²) / 2. Momentum: m = β₁ m + (1 - β₁) g, w -= rate m. Adam: as in the paper.
    """
    data = {
        "steps": steps, "steepness": steepness, "rate": rate, "momentum_rate": momentum_rate, "adam_rate": adam_rate,
        "beta1": beta1, "beta2": beta2,
    }  # fmt: skip
    for name, (least, most) in LIMITS.items():
        if not least <= data[name] <= most:
            raise ValueError(f"{name}: expected a number from {least} to {most}, got {data[name]}")
    figure = new_figure(3.0)
    ax = figure.subplots()
    across, up = np.meshgrid(np.linspace(-10.5, 3.5, 100), np.linspace(-2.6, 2.6, 100))
    heights = (across**2 + steepness * up**2) / 2
    ax.contour(across, up, heights, levels=LEVELS, colors="#ccd3dd", linewidths=1)
    for (name, points), colour in zip(paths(**data).items(), (INK, SECOND, THIRD)):
        loss = float((points[-1] ** 2) @ (1, steepness) / 2)
        ax.plot(*points.T, "o-", ms=3, lw=1.2, color=colour, label=f"{name}: {loss:.3g}")
    ax.plot(0, 0, "+", color="black", ms=9)
    ax.set(xlim=(-10.5, 3.5), ylim=(-2.6, 2.6), xticks=(), yticks=())
    ax.legend(title=f"loss after {steps} steps", fontsize=9, title_fontsize=9, loc="lower right")
    alt = f"Paths of plain gradient descent, momentum and Adam down a ravine that is {steepness:g} times as steep across as along"
    return html("ravine", figure, alt, data | {"levels": LEVELS}, RAVINE)

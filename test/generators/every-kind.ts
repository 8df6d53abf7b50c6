/** A reply with every kind of block and inline element, as a model would write it. */
export const EVERY_KIND = `# Heading with \`code\`

A paragraph with **bold**, *emphasis*, ~~strike~~, \`code\`, snake_case_name, 2 * 3 and a
line break, an [address](https://example.com/a_(b)?c=d "title"), <https://example.com/e>, a bare
https://example.com/f. And ![an image](https://example.com/g.png), &amp; \\*no emphasis\\*.

## Lists

- one **item**
- two
  wrapped
  - nested \`code\`
    - deeper
  - nested too

    with a paragraph
- three

1. first
   \`\`\`sh
   npm install
   \`\`\`
2. second
  - indented by two
10) another list

> A quotation
> of *two* lines
>
> - with a list
> > and another

| Left | Centre | Right |
|:-----|:------:|------:|
| \`a\\|b\` | **c**<br>d | 1 |
| e | | [f](https://example.com) |

\`\`\`ts
export const answer: number = 42 // **not bold**

\`\`\`

~~~
plain \`\`\` code
~~~

---

The last [words](https://example.com), **bold** to the end.`

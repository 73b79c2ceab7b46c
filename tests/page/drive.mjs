// Drives one page of headless Chromium for a test: `node drive.mjs CHROMIUM PROFILE`.
//
// Reads a command a line from standard input, `{"do": NAME, …}`, and answers each with a line, `{"ok": VALUE}` or
// `{"error": TEXT}`. What to wait for is the test's own business. It ends, and Chromium with it, when its input does.
import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { createInterface } from 'node:readline'
import puppeteer from 'puppeteer-core'

const [executablePath, userDataDir] = process.argv.slice(2)
const browser = await puppeteer.launch({
  executablePath,
  userDataDir,
  // Chromium ends when its pipe does, whatever becomes of us.
  pipe: true,
  // Its sandbox refuses root, and what it opens here is our own.
  args: ['--no-sandbox', '--disable-dev-shm-usage', '--disable-gpu', '--font-render-hinting=none'],
})
const [page] = await browser.pages()
const problems = []
page.on('console', (message) => {
  if (['error', 'warn'].includes(message.type())) problems.push(`${message.type()}: ${message.text()}`)
})
page.on('pageerror', (error) => problems.push(`uncaught: ${error.message}`))

const axe = await readFile(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')

const commands = {
  async view({ width, height, dark, still = false }) {
    await page.setViewport({ width, height, deviceScaleFactor: 1, isMobile: width < 500, hasTouch: width < 500 })
    await page.emulateMediaFeatures([
      { name: 'prefers-color-scheme', value: dark ? 'dark' : 'light' },
      { name: 'prefers-reduced-motion', value: still ? 'reduce' : 'no-preference' },
    ])
  },
  open: ({ url }) => page.goto(url, { waitUntil: 'load' }).then((response) => response.status()),
  eval: ({ code }) => page.evaluate(code),
  click: ({ selector }) => page.click(selector),
  async type({ selector, text }) {
    await page.focus(selector)
    await page.$eval(selector, (element) => element.select?.())
    await page.keyboard.type(text)
  },
  press: ({ key }) => page.keyboard.press(key),
  screenshot: ({ path }) => page.screenshot({ path }).then(() => null),
  // By the protocol, which the page's own policy does not bind.
  async axe() {
    await page.evaluate(axe)
    const { violations } = await page.evaluate('axe.run(document)')
    return violations.map(({ id, help, nodes }) => ({ id, help, nodes: nodes.map((node) => `${node.html} ${node.failureSummary}`) }))
  },
  problems: () => problems.splice(0),
}

for await (const line of createInterface({ input: process.stdin })) {
  const { do: name, ...options } = JSON.parse(line)
  try {
    console.log(JSON.stringify({ ok: (await commands[name](options)) ?? null }))
  } catch (error) {
    console.log(JSON.stringify({ error: String(error?.message ?? error) }))
  }
}
await browser.close()

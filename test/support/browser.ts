/** The operators' page in headless Chromium, against a broker of the test's own. */
import { type Browser, type BrowserContext, chromium, type Locator, type Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, expect } from 'vitest'
import { createBroker, type RunningBroker } from '../../src/index.ts'
import { Http } from '../management/target.ts'

const FLAGS = [
  '--headless',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
]

/** Longer than the pauses between two readings of a number, on a busy machine too. */
const WAIT_MS = 20_000

export const CHROMIUM = process.env['LEVERET_TEST_CHROMIUM'] ?? '/usr/bin/chromium'

export function openBrowser(): Promise<Browser> {
  return chromium.launch({ executablePath: CHROMIUM, args: FLAGS })
}

export interface ViewOptions {
  readonly width?: number
  readonly height?: number
  readonly theme?: 'light' | 'dark'
  /** Of another broker than the file's. */
  readonly base?: string
}

/** A page of the browser that counts clicks and notes what the page complains about. */
export class View {
  readonly page: Page
  readonly context: BrowserContext
  /** What the console shows as errors, and requests to anybody but the broker. */
  readonly complaints: string[] = []
  clicks = 0

  constructor(page: Page, context: BrowserContext, base: string) {
    this.page = page
    this.context = context
    page.on('pageerror', (error) => this.complaints.push(String(error.stack ?? error)))
    page.on('console', (m) => {
      // Answers that refuse are shown on the page; the browser notes them too.
      if (m.type() === 'error' && !m.text().startsWith('Failed to load resource'))
        this.complaints.push(m.text())
    })
    page.on('request', (r) => {
      if (!r.url().startsWith(base) && !/^(data|blob):/.test(r.url()))
        this.complaints.push(`request to ${r.url()}`)
    })
  }

  /** One click of a task; others are not counted. */
  async click(role: 'link' | 'button' | 'tab', name: string | RegExp): Promise<void> {
    this.clicks++
    // What the last click has opened is drawn by then.
    await this.page.evaluate('new Promise((r) => requestAnimationFrame(() => requestAnimationFrame(r)))')
    await this.scope().getByRole(role, { name, exact: true }).first().click()
  }

  /** The dialog that is open, which keeps everything else away, or the page. */
  private scope(): Locator {
    return this.page.locator('dialog[open], body:not(:has(dialog[open]))').first()
  }

  async fill(label: string, value: string): Promise<void> {
    await this.page.getByLabel(label, { exact: true }).first().fill(value)
  }

  async see(text: string | RegExp): Promise<void> {
    await this.page.getByText(text).first().waitFor()
  }

  async choose(label: string, value: string): Promise<void> {
    await this.page.getByLabel(label, { exact: true }).first().selectOption(value)
  }

  async close(): Promise<void> {
    await this.context.close()
  }
}

export class Web {
  readonly http = new Http()
  browser!: Browser
  broker!: RunningBroker

  get base(): string {
    return this.http.base
  }

  async view({
    width = 1280,
    height = 800,
    theme = 'light',
    base = this.base,
  }: ViewOptions = {}): Promise<View> {
    const context = await this.browser.newContext({ viewport: { width, height }, colorScheme: theme })
    context.setDefaultTimeout(WAIT_MS)
    return new View(await context.newPage(), context, base)
  }

  /** Logged in, at that place, such as `#/queues`. */
  async open(hash = '', options: ViewOptions = {}, user = 'guest', password = user): Promise<View> {
    const view = await this.view(options)
    await view.page.goto(`${this.base}/${hash}`)
    await view.fill('User', user)
    await view.fill('Password', password)
    await view.page.getByRole('button', { name: 'Log in', exact: true }).click()
    await view.page.locator('.frame main > *').first().waitFor()
    return view
  }
}

/** Call once in a test file. */
export function useWeb(): Web {
  const web = new Web()
  beforeAll(async () => {
    web.broker = await createBroker({ port: 0, managementPort: 0 })
    web.http.base = `http://127.0.0.1:${web.broker.managementPort}`
    web.http.amqp = web.broker.url
    web.browser = await openBrowser()
  })
  afterAll(async () => {
    await web.browser?.close()
    await web.broker?.close()
  })
  return web
}

export interface Views {
  /** As `Web.open`. */
  open(hash?: string, options?: ViewOptions, user?: string, password?: string): Promise<View>
  /** Takes charge of a view that was opened elsewhere. */
  keep(view: View): View
}

/** The view of a test, which is closed after it and must not have complained. Call once in a test file. */
export function useViews(web: Web): Views {
  let view: View | undefined
  afterEach(async () => {
    const complaints = view?.complaints
    await view?.close()
    view = undefined
    expect(complaints ?? []).toEqual([])
  })
  const keep = (v: View): View => {
    view = v
    return v
  }
  return { keep, open: async (...args) => keep(await web.open(...args)) }
}

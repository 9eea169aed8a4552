/** The frame around all pages: the user, the navigation, and whether the broker responds. */
import type { ComponentChildren } from 'preact'
import { useEffect, useRef, useState } from 'preact/hooks'
import { get, isRefused, leave, lostSince, may, session } from './api.ts'
import { visible } from './format.ts'
import { Login } from './login.tsx'
import { Channels, OneChannel } from './pages/channels.tsx'
import { type Cluster, ClusterPage } from './pages/cluster.tsx'
import { Connections, OneConnection } from './pages/connections.tsx'
import { Definitions } from './pages/definitions.tsx'
import { OneExchange } from './pages/exchange.tsx'
import { Exchanges } from './pages/exchanges.tsx'
import { OverviewPage } from './pages/overview.tsx'
import { Policies } from './pages/policies.tsx'
import { OneQueue } from './pages/queue.tsx'
import { Queues } from './pages/queues.tsx'
import { Shovels } from './pages/shovels.tsx'
import { Users } from './pages/users.tsx'
import { OneVhost } from './pages/vhost.tsx'
import { Vhosts } from './pages/vhosts.tsx'
import { usePolling } from './poll.ts'
import { type Place, to, usePlace } from './router.ts'
import { useStore } from './store.ts'
import { nextTheme, theme } from './theme.ts'
import { Dialogs } from './ui/dialog.tsx'
import { keepFocus } from './ui/focus.ts'
import { Hare, Icon } from './ui/icons.tsx'

const places = [
  ['', 'Overview'],
  ['queues', 'Queues'],
  ['exchanges', 'Exchanges'],
  ['connections', 'Connections'],
  ['channels', 'Channels'],
  ['policies', 'Policies'],
  ['shovels', 'Shovels'],
  ['users', 'Users'],
  ['vhosts', 'Virtual hosts'],
  ['definitions', 'Definitions'],
  ['cluster', 'Cluster'],
] as const

/** Sections that only administrators see. */
const administrators = ['users', 'definitions']
const optional = ['shovels', 'cluster']

function pageOf({ parts }: Place): ComponentChildren {
  const [section = '', first, second] = parts
  switch (section) {
    case '':
      return <OverviewPage />
    case 'queues':
      return first !== undefined && second !== undefined ? (
        <OneQueue key={`${first}\n${second}`} vhost={first} name={second} />
      ) : (
        <Queues />
      )
    case 'exchanges':
      return first !== undefined && second !== undefined ? (
        <OneExchange key={`${first}\n${second}`} vhost={first} name={second} />
      ) : (
        <Exchanges />
      )
    case 'connections':
      return first === undefined ? <Connections /> : <OneConnection key={`one ${first}`} name={first} />
    case 'channels':
      return first === undefined ? <Channels /> : <OneChannel key={`one ${first}`} name={first} />
    case 'shovels':
      return <Shovels />
    case 'cluster':
      return <ClusterPage />
    case 'policies':
      return <Policies />
    case 'users':
      return <Users />
    case 'vhosts':
      return first === undefined ? <Vhosts /> : <OneVhost key={`one ${first}`} name={first} />
    case 'definitions':
      return <Definitions />
    default:
      return <p class="empty">There is no such page.</p>
  }
}

const FEATURES_POLL_MS = 60_000

/** Optional sections that this broker has: shovels, and the cluster if it is not a standalone broker. */
function useFeatures(): readonly string[] {
  const asked = may('monitoring')
  const { data } = usePolling(asked ? 'features' : undefined, findFeatures, FEATURES_POLL_MS)
  return data ?? []
}

async function findFeatures(signal: AbortSignal): Promise<readonly string[]> {
  const is = async (target: string, good: (answer: unknown) => boolean): Promise<boolean> => {
    try {
      return good(await get(target, signal))
    } catch (error) {
      if (isRefused(error)) return false
      throw error
    }
  }
  const [shovels, cluster] = await Promise.all([
    is('shovels', Array.isArray),
    is('cluster/status', (c) => (c as Cluster).cluster !== ''),
  ])
  return [...(shovels ? ['shovels'] : []), ...(cluster ? ['cluster'] : [])]
}

export function App() {
  const me = useStore(session)
  return (
    <>
      {me === undefined ? <Login /> : <Frame user={me.name} />}
      <Dialogs />
    </>
  )
}

function Frame({ user }: { user: string }) {
  const place = usePlace()
  const [open, setOpen] = useState(false)
  const main = useRef<HTMLElement>(null)
  const where = place.parts.join('\n')
  const before = useRef(where)
  useEffect(() => {
    setOpen(false)
    if (before.current === where) return
    before.current = where
    // Moves the keyboard focus to the beginning of the new page.
    const heading = main.current?.querySelector('h1') ?? main.current
    heading?.focus({ preventScroll: true })
    scrollTo(0, 0)
  }, [where])
  useEffect(() => (main.current === null ? undefined : keepFocus(main.current)), [])
  useEffect(() => {
    document.title = place.parts.length === 0 ? 'Leveret' : `${visible(place.parts.at(-1) ?? '')} · Leveret`
  }, [where])
  const features = useFeatures()
  const section = place.parts[0] ?? ''
  return (
    <div class="frame">
      <button type="button" class="skip" onClick={() => main.current?.focus()}>
        To the content
      </button>
      <header class="side">
        <div class="side-head">
          <a class="brand" href={to([])}>
            <Hare />
            Leveret
          </a>
          <button
            type="button"
            class="button quiet menu"
            aria-expanded={open}
            aria-controls="places"
            onClick={() => setOpen(!open)}
          >
            <Icon name="menu" /> Menu
          </button>
        </div>
        <div id="places" class={open ? 'places open' : 'places'}>
          <nav aria-label="Pages">
            {places
              .filter(([key]) => may('administrator') || !administrators.includes(key))
              .filter(([key]) => features.includes(key) || !optional.includes(key))
              .map(([key, label]) => (
                <a
                  key={key}
                  href={to(key === '' ? [] : [key])}
                  aria-current={section === key ? 'page' : undefined}
                >
                  <Icon name={key === '' ? 'overview' : key} />
                  {label}
                </a>
              ))}
          </nav>
          <div class="side-foot">
            <ThemeButton />
            <span class="who" title="Who is logged in">
              <bdi>{user}</bdi>
            </span>
            <button type="button" class="button quiet" onClick={() => leave()}>
              Log out
            </button>
          </div>
        </div>
      </header>
      <main id="main" ref={main} tabIndex={-1}>
        <Lost />
        {pageOf(place)}
      </main>
    </div>
  )
}

function ThemeButton() {
  const t = useStore(theme)
  return (
    <button
      type="button"
      class="button quiet"
      onClick={nextTheme}
      title="Light, dark, or as the system has it"
    >
      <Icon name={t === 'system' ? 'auto' : t} /> {t === 'system' ? 'Auto' : t === 'light' ? 'Light' : 'Dark'}
    </button>
  )
}

/** The banner that is shown from the first request without a response until the next one with a response. */
function Lost() {
  const since = useStore(lostSince)
  const [now, setNow] = useState(Date.now())
  useEffect(() => {
    if (since === undefined) return undefined
    setNow(Date.now())
    const timer = setInterval(() => setNow(Date.now()), 1000)
    return () => clearInterval(timer)
  }, [since])
  if (since === undefined) return null
  const seconds = Math.max(0, Math.round((now - since) / 1000))
  return (
    <div class="lost" role="alert">
      <strong>The broker does not answer</strong>, for {seconds} s now. What is shown here is from before;
      this page goes on by itself when the broker is back.
    </div>
  )
}

/** The login page. Credentials stay in the memory of this page and are gone when it is closed. */
import { useEffect, useState } from 'preact/hooks'
import { logIn, loginNotice, reasonOf } from './api.ts'
import { beginOAuth, finishOAuth, type OAuthOffer, oauthOffer } from './oauth.ts'
import { useStore } from './store.ts'
import { Field } from './ui/form.tsx'
import { Hare } from './ui/icons.tsx'

export function Login() {
  const notice = useStore(loginNotice)
  const [user, setUser] = useState('')
  const [password, setPassword] = useState('')
  const [error, setError] = useState<string | undefined>()
  const [busy, setBusy] = useState(false)
  const [offer, setOffer] = useState<OAuthOffer | undefined>()
  const attempt = async (run: () => Promise<unknown>): Promise<void> => {
    setBusy(true)
    setError(undefined)
    try {
      await run()
    } catch (e) {
      setError(reasonOf(e))
      setPassword('')
    }
    setBusy(false)
  }
  useEffect(() => {
    document.title = 'Leveret'
    void (async () => {
      const found = await oauthOffer()
      setOffer(found)
      if (found !== undefined) await attempt(() => finishOAuth(found))
    })()
  }, [])
  return (
    <main class="login">
      <form
        class="card"
        onSubmit={(e) => {
          e.preventDefault()
          if (!busy) void attempt(() => logIn(user, password))
        }}
      >
        <h1>
          <Hare /> Leveret
        </h1>
        {notice === undefined ? null : <p class="notice">{notice}</p>}
        <Field label="User" value={user} change={setUser} autoComplete="username" required autoFocus />
        <Field
          label="Password"
          type="password"
          value={password}
          change={setPassword}
          autoComplete="current-password"
        />
        {error === undefined ? null : (
          <p class="failure" role="alert">
            {error}
          </p>
        )}
        <button type="submit" class="button primary" aria-disabled={busy}>
          {busy ? 'Logging in …' : 'Log in'}
        </button>
        {offer === undefined ? null : (
          <button
            type="button"
            class="button"
            aria-disabled={busy}
            onClick={() => {
              if (!busy) void attempt(() => beginOAuth(offer))
            }}
          >
            Log in with OAuth 2.0
          </button>
        )}
        <p class="muted small">
          A new broker has the user <code>guest</code> with the password <code>guest</code>, from its own
          machine only.
        </p>
      </form>
    </main>
  )
}

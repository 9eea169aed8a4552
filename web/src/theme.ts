/** The theme: light, dark, or the system's. It is the only thing that this browser stores permanently. */
import { Store } from './store.ts'

export type Theme = 'system' | 'light' | 'dark'

const KEY = 'leveret-theme'
const themes: readonly Theme[] = ['system', 'light', 'dark']

function remembered(): Theme {
  try {
    return themes.find((t) => t === localStorage.getItem(KEY)) ?? 'system'
  } catch {
    return 'system'
  }
}

export const theme = new Store<Theme>(remembered())

export function applyTheme(): void {
  const t = theme.get()
  if (t === 'system') delete document.documentElement.dataset['theme']
  else document.documentElement.dataset['theme'] = t
}

export function nextTheme(): void {
  const t = themes[(themes.indexOf(theme.get()) + 1) % themes.length] as Theme
  theme.set(t)
  applyTheme()
  try {
    localStorage.setItem(KEY, t)
  } catch {
    // Without storage, the theme lasts until the page is closed.
  }
}

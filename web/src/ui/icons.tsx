/** Icons, drawn with the colour of the text. */

const paths: Readonly<Record<string, string>> = {
  overview: 'M3 13h4l3-8 4 14 3-6h4',
  queues: 'M4 6h16M4 12h16M4 18h10',
  exchanges: 'M4 7h12l-3-3M20 17H8l3 3M16 7l-3 3M8 17l3-3',
  connections: 'M9 7V3M15 7V3M7 7h10v5a5 5 0 0 1-10 0zM12 17v4',
  channels: 'M4 8c4 0 4 8 8 8s4-8 8-8M4 16c4 0 4-8 8-8s4 8 8 8',
  policies: 'M6 3h9l4 4v14H6zM9 12h7M9 16h7M9 8h3',
  users: 'M12 12a4 4 0 1 0 0-8 4 4 0 0 0 0 8zM4 21c0-4 4-6 8-6s8 2 8 6',
  vhosts: 'M3 5h18v6H3zM3 13h18v6H3zM7 8h.01M7 16h.01',
  definitions: 'M12 3v12M8 11l4 4 4-4M4 19h16',
  shovels: 'M4 12h13M13 8l4 4-4 4M20 5v14',
  cluster:
    'M12 8a3 3 0 1 0 0-6 3 3 0 0 0 0 6zM5 22a3 3 0 1 0 0-6 3 3 0 0 0 0 6zM19 22a3 3 0 1 0 0-6 3 3 0 0 0 0 6zM10.5 7.5l-4 8M13.5 7.5l4 8M8 19h8',
  menu: 'M4 7h16M4 12h16M4 17h16',
  light:
    'M12 16a4 4 0 1 0 0-8 4 4 0 0 0 0 8zM12 2v2M12 20v2M2 12h2M20 12h2M5 5l1.4 1.4M17.6 17.6L19 19M5 19l1.4-1.4M17.6 6.4L19 5',
  dark: 'M20 14.5A8 8 0 0 1 9.5 4 8 8 0 1 0 20 14.5z',
  auto: 'M12 3a9 9 0 1 0 0 18zM12 3a9 9 0 0 1 0 18',
}

export function Icon({ name }: { name: string }) {
  return (
    <svg class="icon" viewBox="0 0 24 24" aria-hidden="true">
      <path d={paths[name] ?? ''} />
    </svg>
  )
}

export function Hare() {
  return (
    <svg class="hare" viewBox="0 0 32 32" aria-hidden="true">
      <rect width="32" height="32" rx="8" />
      <path d="M11.2 4.6c-1.9.5-2 4.7-.8 8.4.4 1.3.9 2.4 1.5 3.3-2.4 1.2-4 3.3-4 5.7 0 3.6 3.6 6 8.1 6s8.1-2.4 8.1-6c0-2.4-1.6-4.5-4-5.7.6-.9 1.1-2 1.5-3.3 1.2-3.7 1.1-7.9-.8-8.4-1.9-.5-4 3.1-4.6 6.9l-.2 1.7-.2-1.7c-.6-3.8-2.7-7.4-4.6-6.9z" />
    </svg>
  )
}

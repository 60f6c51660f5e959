// @ts-check
// The toggle between light and dark. `theme-early.js` applies what was remembered.

const darkSystem = matchMedia('(prefers-color-scheme: dark)')

export function toggleTheme() {
  const theme = isDark() ? 'light' : 'dark'
  const system = darkSystem.matches ? 'dark' : 'light'
  // Back at what the system wants, follow the system again.
  if (theme === system) delete document.documentElement.dataset.theme
  else document.documentElement.dataset.theme = theme
  try {
    if (theme === system) localStorage.removeItem('headwater.theme')
    else localStorage.setItem('headwater.theme', theme)
  } catch {
    // Storage may be forbidden; the choice then lasts as long as the page.
  }
  document.dispatchEvent(new Event('themechange'))
}

export function isDark() {
  const chosen = document.documentElement.dataset.theme
  return chosen ? chosen === 'dark' : darkSystem.matches
}

darkSystem.addEventListener('change', () => document.dispatchEvent(new Event('themechange')))

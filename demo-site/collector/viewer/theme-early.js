// Runs before the first paint, hence not a module: a remembered theme must not flash the other one.
try {
  const theme = localStorage.getItem('headwater.theme')
  if (theme === 'light' || theme === 'dark') document.documentElement.dataset.theme = theme
} catch {
  // Storage may be forbidden; then the system decides.
}

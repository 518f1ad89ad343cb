// A classic script in <head>, so that a remembered theme is set before the first paint.
{
  let theme = null
  try {
    theme = localStorage.getItem('wirewright.theme')
  } catch {
    // Storage is blocked: the system's preference it is.
  }
  if (theme === 'light' || theme === 'dark') document.documentElement.dataset.theme = theme
}

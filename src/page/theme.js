// Puts the chosen theme in force before anything is drawn. Loaded without `type=module`, so that it comes first.
(() => {
  let theme = null
  try {
    theme = localStorage.getItem('theme')
  } catch {
    // A browser that keeps nothing follows the system.
  }
  if (theme === 'light' || theme === 'dark') document.documentElement.dataset.theme = theme
})()

// Before the first paint: the theme that the reader chose on an earlier page, and a mark that scripts run.
document.documentElement.classList.add("js");
try {
  const chosen = localStorage.getItem("covidseg-theme");
  if (chosen) document.documentElement.dataset.theme = chosen;
} catch { /* a browser may forbid storage to pages from disk */ }

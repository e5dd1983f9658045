# Robust covariances by R's sandwich package, for tests/fitting/test_robust.py.
#   python -m tests.oracles.robust_rows rows.csv && Rscript tests/oracles/robust.R rows.csv tests/oracles/robust.json
suppressMessages(library(sandwich))
arguments <- commandArgs(trailingOnly = TRUE)
rows <- read.csv(arguments[1], stringsAsFactors = FALSE)
rows$plan <- factor(rows$plan)

# A row of frequency k is k rows, and a grouped outcome its single trials.
by_frequency <- rows[rep(seq_len(nrow(rows)), rows$frequency), ]
by_trial <- rows[rep(seq_len(nrow(rows)), rows$trials), ]
by_trial$y <- unlist(mapply(function(e, t) rep(c(1, 0), c(e, t - e)), rows$events, rows$trials))

balanced <- rows
balanced$weight <- ifelse(rows$y == 1, 3, 1) # label.class_weights

control <- glm.control(epsilon = 1e-14, maxit = 100)
fits <- suppressWarnings(list(
  plain = glm(y ~ x1 + x2 + plan + x1:plan, binomial, rows, control = control),
  weighted = glm(y ~ x1 + x2 + plan, binomial, rows, weights = weight, offset = offset, control = control),
  frequency = glm(y ~ x1 + plan, binomial, by_frequency, weights = weight, control = control),
  grouped = glm(y ~ x1 + x2 + plan, binomial, by_trial, control = control),
  class_weights = glm(y ~ x1 + plan, binomial, balanced, weights = weight, control = control)
))
data <- list(plain = rows, weighted = rows, frequency = by_frequency, grouped = by_trial, class_weights = balanced)

digits <- function(x) format(x, digits = 17, scientific = TRUE, trim = TRUE)
listed <- function(matrix) paste0("[", paste(apply(matrix, 1, function(row)
  paste0("[", paste(digits(row), collapse = ", "), "]")), collapse = ", "), "]")
members <- function(values) paste0("{\n", paste(sprintf('"%s": %s', names(values), unlist(values)), collapse = ",\n"), "\n}")

# Donner (1986): analysis of variance of the Pearson residuals with clusters of unequal sizes.
icc <- function(fit, cluster) {
  r <- residuals(fit, "pearson"); n <- table(cluster); N <- length(r); G <- length(n)
  ms <- anova(lm(r ~ factor(cluster)))[["Mean Sq"]]
  n0 <- (N - sum(n^2) / N) / (G - 1)
  value <- (ms[1] - ms[2]) / (ms[1] + (n0 - 1) * ms[2])
  sprintf("[%s, %s]", digits(value), digits(1 + (n0 - 1) * value))
}

answers <- lapply(names(fits), function(name) {
  fit <- fits[[name]]; rows <- data[[name]]
  by <- function(cluster) vcovCL(fit, cluster = cluster, type = "HC0", cadjust = TRUE, multi0 = FALSE)
  members(list(
    terms = paste0("[", paste0('"', names(coef(fit)), '"', collapse = ", "), "]"),
    estimate = paste0("[", paste(digits(coef(fit)), collapse = ", "), "]"),
    model = listed(vcov(fit)),
    hc0 = listed(vcovHC(fit, "HC0")), hc1 = listed(vcovHC(fit, "HC1")),
    hc2 = listed(vcovHC(fit, "HC2")), hc3 = listed(vcovHC(fit, "HC3")),
    site = listed(by(rows$site)), month = listed(by(rows$month)),
    both = listed(by(rows[c("site", "month")])),
    icc_site = icc(fit, rows$site), icc_month = icc(fit, rows$month)
  ))
})
names(answers) <- names(fits)
writeLines(members(answers), arguments[2])

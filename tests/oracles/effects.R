# Average marginal effects with delta-method standard errors, and intervals of predictions.
#
# python -m tests.oracles.effects effects.csv && Rscript tests/oracles/effects.R effects.csv tests/oracles/effects.json
#
# Effects are a function of the coefficients written down here, its derivatives those of numDeriv::jacobian; the
# derivative by a column is numDeriv::grad of the linear predictor of all rows moved together.

files <- commandArgs(trailingOnly = TRUE)
rows <- read.csv(files[1], stringsAsFactors = TRUE)
rows$m_missing <- as.numeric(is.na(rows$m))
rows$m[is.na(rows$m)] <- weighted.mean(rows$m, rows$weight, na.rm = TRUE)
exact <- glm.control(epsilon = 1e-15, maxit = 100)

design <- function(fit, data) model.matrix(delete.response(terms(fit)), data, xlev = fit$xlevels)
# By a column, with error h^8: exact but for rounding for the smooth functions here.
slope_of_design <- function(fit, column) {
  h <- 1e-2
  at <- function(k) { moved <- rows; moved[[column]] <- moved[[column]] + k * h; design(fit, moved) }
  (4 / 5 * (at(1) - at(-1)) - 1 / 5 * (at(2) - at(-2)) + 4 / 105 * (at(3) - at(-3)) - 1 / 280 * (at(4) - at(-4))) / h
}
with_value <- function(column, value) {
  moved <- rows
  moved[[column]] <- if (is.factor(rows[[column]])) factor(rep(value, nrow(rows)), levels(rows[[column]])) else value
  moved
}
answer <- function(fit, f) {
  w <- weights(fit) / sum(weights(fit))
  mean_of <- function(b) sum(w * f(b))
  gradient <- numDeriv::jacobian(mean_of, coef(fit), method.args = list(r = 6))
  list(effect = mean_of(coef(fit)), std_error = sqrt(drop(gradient %*% vcov(fit) %*% t(gradient))))
}
slope <- function(fit, column) {
  X <- design(fit, rows); D <- slope_of_design(fit, column)
  answer(fit, function(b) dlogis(drop(X %*% b)) * drop(D %*% b))
}
difference <- function(fit, column, level, base) {
  X1 <- design(fit, with_value(column, level)); X0 <- design(fit, with_value(column, base))
  answer(fit, function(b) plogis(drop(X1 %*% b)) - plogis(drop(X0 %*% b)))
}
effects <- function(fit) {
  found <- list()
  for (column in intersect(c("x", "z", "m"), all.vars(formula(fit)))) found[[column]] <- slope(fit, column)
  for (level in c("b", "c")) found[[paste0("g[", level, "]")]] <- difference(fit, "g", level, "a")
  found[["h[v]"]] <- difference(fit, "h", "v", "u")
  if ("m_missing" %in% all.vars(formula(fit))) found[["m[missing]"]] <- difference(fit, "m_missing", 1, 0)
  found
}
intervals <- function(fit) {
  found <- predict(fit, se.fit = TRUE)
  z <- qnorm(0.95)
  data.frame(low = plogis(found$fit - z * found$se.fit), high = plogis(found$fit + z * found$se.fit))[1:40, ]
}

suppressWarnings({
  plain <- glm(label ~ x + z + g + h + m + m_missing, binomial, rows, weights = weight, control = exact)
  crossed <- glm(label ~ x * g + g * h + poly(z, 2, raw = TRUE) + log(z), binomial, rows, weights = weight,
                 control = exact)
})
found <- list(plain = list(effects = effects(plain), intervals = intervals(plain)),
              crossed = list(effects = effects(crossed), intervals = intervals(crossed)))
jsonlite::write_json(found, files[2], digits = NA, auto_unbox = TRUE, pretty = TRUE, dataframe = "columns")

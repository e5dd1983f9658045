# Score tests, leverages, Cook's distances and fit of the tables of rows.py; see there.
folder <- commandArgs(TRUE)[1]
strict <- glm.control(epsilon = 1e-14, maxit = 100)

fit <- function(rows, more = "") {
  rows$year0 <- rows$year - 2005  # the same model; R loses digits on the year itself
  label <- if (is.null(rows$events)) "label" else "cbind(events, trials - events)"
  if (is.null(rows$weight)) rows$weight <- 1
  if (is.null(rows$offset)) rows$offset <- 0
  formula <- as.formula(paste(label, "~ income + score + year0 + visits + plan", more))
  environment(formula) <- globalenv()
  from <- function(start) {
    suppressWarnings(do.call(glm, list(formula, quote(binomial()), rows, weights = quote(weight), start = start,
                                       offset = quote(offset), control = quote(strict))))
  }
  from(coef(from(NULL)))  # once more: R keeps the weights that its last step began with
}

working <- function(model) model$prior.weights * fitted(model) * (1 - fitted(model))

rao <- function(model, z) {
  # anova(model, update(model, . ~ . + z), test = "Rao")$Rao[2], by its definition: R's own loses digits where z is
  # nearly a combination of the others, as year * log(year) is. z is taken free of them first.
  X <- model.matrix(model)
  z <- qr.resid(qr(X), z)
  w <- working(model)
  r <- model$prior.weights * (model$y - fitted(model))
  across <- solve(crossprod(X, w * X), crossprod(X, w * z))
  # Less what R's iterations left of the score of the terms.
  score <- sum(z * r) - sum(across * crossprod(X, r))
  score^2 / (sum(w * z^2) - sum(across * crossprod(X, w * z)))
}

anova_rao <- function(rows, z) {
  rows$z <- z
  suppressWarnings(anova(fit(rows), fit(rows, "+ z"), test = "Rao")$Rao[2])
}

one_step <- function(model) {
  # Not dfbeta(model): that takes deviance residuals where Pregibon (1981) has Pearson's.
  # Without row i, one step of Newton's method from the estimates of all rows.
  X <- model.matrix(model)
  w <- working(model)
  r <- model$prior.weights * (model$y - fitted(model))
  t(sapply(seq_len(nrow(X)), function(i) {
    Xi <- X[-i, ]
    -drop(solve(crossprod(Xi, w[-i] * Xi), crossprod(Xi, r[-i])))
  }))
}

describe <- function(name) {
  rows <- read.csv(file.path(folder, paste0(name, ".csv")), stringsAsFactors = TRUE)
  model <- fit(rows)
  mu <- fitted(model)
  weight <- model$prior.weights
  y <- model$y
  eta <- model$linear.predictors
  offset <- if (is.null(rows$offset)) rep(0, nrow(rows)) else rows$offset
  own <- eta - offset  # what was estimated
  t <- (rows$year - 2005) / 2005
  z <- list(income = rows$income * log(rows$income), score = rows$score^2,
            year = (1 + t) * log1p(t) - t,  # year * log(year) but for multiples of 1 and year
            visits = rows$visits^2)
  # The deciles of the textbook, and which row is in which group.
  cuts <- quantile(mu, probs = seq(0, 1, 0.1))
  group <- cut(mu, cuts, include.lowest = TRUE, labels = FALSE)
  sums <- sapply(1:10, function(g) {
    own <- group == g
    c(sum(weight[own]), sum((weight * y)[own]), sum((weight * mu)[own]))
  })
  hl <- sum((sums[2, ] - sums[3, ])^2 / (sums[3, ] * (1 - sums[3, ] / sums[1, ])))
  list(
    estimate = unname(coef(model)), std_error = unname(sqrt(diag(vcov(model)))),
    rao = lapply(z, function(one) rao(model, one)),
    anova_rao = list(income = anova_rao(rows, z$income), score = anova_rao(rows, z$score),
                  visits = anova_rao(rows, z$visits)),
    link = rao(model, eta^2),
    hat = unname(hatvalues(model)), cook = unname(cooks.distance(model)),
    pearson_residual = unname(residuals(model, "pearson")),
    one_step = unname(one_step(model))[1:12, ],
    pearson = sum(residuals(model, "pearson")^2), residual_df = model$df.residual,
    tjur = sum(weight * y * mu) / sum(weight * y) - sum(weight * (1 - y) * mu) / sum(weight * (1 - y)),
    groups = t(sums), hosmer_lemeshow = hl, hosmer_lemeshow_p = pchisq(hl, 8, lower.tail = FALSE),
    recalibration = unname(coef(suppressWarnings(glm(y ~ own, binomial(), weights = weight, offset = offset,
                                                     control = strict))))
  )
}

found <- lapply(setNames(nm = c("single", "weighted", "grouped")), describe)
cat(jsonlite::toJSON(found, digits = I(17), auto_unbox = TRUE), "\n")

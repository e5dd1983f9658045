# Profile intervals, likelihood-ratio and score tests by R, to the digits of its own iterations.
# Usage: Rscript tests/oracles/profile.R, from the root of the repository, after python -m tests.oracles.profile.
library(MASS)
library(lmtest)
control <- glm.control(epsilon = 1e-14, maxit = 100)
born <- birthwt
born$race <- factor(born$race, labels = c("white", "black", "other"))
fits <- list(
  birthwt = glm(low ~ age + lwt + smoke + ptl + ht + ui + ftv + race, binomial, born, control = control),
  skewed = glm(y ~ x + rare + plan + offset(offset), binomial,
               read.csv("tests/oracles/profile_skewed.csv"), weights = frequency, control = control)
)
number <- function(x) sprintf("%.17g", x)
text <- c()
for (name in names(fits)) {
  fit <- fits[[name]]
  # Its spline through 5 points a side has 4 digits; through 100 it has 8.
  limits <- confint(profile(fit, alpha = 0.01, maxsteps = 1000, del = qnorm(0.995) / 100))
  lr <- drop1(fit, test = "LRT")
  rao <- drop1(fit, test = "Rao")
  columns <- rownames(lr)[-1]
  text <- c(text, sprintf('"%s": {\n "confint": {%s},\n "tests": {%s}\n}', name,
    paste(sprintf('"%s": [%s, %s]', rownames(limits), number(limits[, 1]), number(limits[, 2])), collapse = ", "),
    paste(sprintf('"%s": {"df": %d, "lr": %s, "lr_p_value": %s, "score": %s, "score_p_value": %s}', columns,
      lr[columns, "Df"], number(lr[columns, "LRT"]), number(lr[columns, "Pr(>Chi)"]),
      number(rao[columns, "Rao score"]), number(rao[columns, "Pr(>Chi)"])), collapse = ",\n  ")))
}
smaller <- update(fits$birthwt, . ~ . - ftv - race)
test <- lrtest(smaller, fits$birthwt)
text <- c(text, sprintf('"nested": {"lr": %s, "df": %d, "p_value": %s, "aic": %s, "bic": %s}',
  number(test$Chisq[2]), test$Df[2], number(test[["Pr(>Chisq)"]][2]),
  number(AIC(fits$birthwt) - AIC(smaller)), number(BIC(fits$birthwt) - BIC(smaller))))
writeLines(c("{", paste(text, collapse = ",\n"), "}"), "tests/oracles/profile_r.json")

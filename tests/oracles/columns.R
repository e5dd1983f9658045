# Tests of columns, collinearity and contrasts by R's packages.
#
#   Rscript columns.R FOLDER
#
# FOLDER/rows.csv and FOLDER/columns.csv as tests/certified/certify.R has them; FOLDER/contrasts.csv has
# `hypothesis`: one hypothesis of car::linearHypothesis a line, its equations separated by tabs.
# Writes FOLDER/tests.csv, vif.csv, conditions.csv, correlations.csv and contrasts_r.csv.

suppressMessages(library(car))
folder <- commandArgs(trailingOnly = TRUE)[1]
read <- function(name) read.csv(file.path(folder, name), colClasses = "character", check.names = FALSE, na.strings = NULL)
write <- function(table, name) {
  numeric <- sapply(table, is.numeric)
  table[numeric] <- lapply(table[numeric], sprintf, fmt = "%.17g")
  write.csv(table, file.path(folder, name), row.names = FALSE)
}
rows <- read("rows.csv")
columns <- read("columns.csv")
for (name in c(".events", ".weight")) rows[[name]] <- as.numeric(rows[[name]])
for (i in seq_len(nrow(columns))) {
  name <- columns$column[i]
  if (columns$levels[i] == "") {
    rows[[name]] <- as.numeric(rows[[name]])
  } else {
    rows[[name]] <- factor(rows[[name]], levels = strsplit(columns$levels[i], "\t")[[1]])
  }
}
stopifnot(!anyNA(rows))
formula <- as.formula(paste(".events ~", paste(columns$column, collapse = " + ")))
control <- glm.control(epsilon = 1e-14, maxit = 100)
fit <- glm(formula, family = binomial(), data = rows, weights = .weight, control = control)
# Once more from its own estimates: glm takes the working weights of the step before its last.
fit <- glm(formula, family = binomial(), data = rows, weights = .weight, control = control, start = coef(fit))
stopifnot(fit$converged)

# car::Anova has a Wald test of type III and counts the degrees of freedom; its rows are the columns in order.
anova <- Anova(fit, type = "III", test.statistic = "Wald")
anova <- anova[rownames(anova) != "(Intercept)", ]
p <- anova[["Pr(>Chisq)"]]
write(
  data.frame(
    column = rownames(anova), df = anova$Df, wald = anova$Chisq, p = p,
    holm = p.adjust(p, "holm"), bh = p.adjust(p, "BH")
  ),
  "tests.csv"
)

inflation <- vif(fit)
if (!is.matrix(inflation)) inflation <- cbind(GVIF = inflation, Df = 1, sqrt(inflation))
write(
  data.frame(column = rownames(inflation), df = inflation[, 2], gvif = inflation[, 1], per_df = inflation[, 3]),
  "vif.csv"
)

# Belsley, Kuh and Welsch as perturb::colldiag does it, with the fit's weights: columns of unit length, SVD, proportions.
X <- sqrt(fit$weights) * model.matrix(fit)
X <- sweep(X, 2, sqrt(colSums(X^2)), "/")
found <- svd(X)
phi <- t((found$v %*% diag(1 / found$d))^2)
pi <- prop.table(phi, 2)
index <- found$d[1] / found$d
keep <- order(-index)[seq_len(min(10, length(index) - 1))]
table <- data.frame(index = index[keep])
for (j in seq_along(coef(fit))) table[[names(coef(fit))[j]]] <- pi[keep, j]
write(table, "conditions.csv")

correlation <- cov2cor(vcov(fit))
pairs <- expand.grid(second = colnames(correlation), first = rownames(correlation), stringsAsFactors = FALSE)
pairs$correlation <- as.vector(correlation)
write(pairs, "correlations.csv")

hypotheses <- strsplit(read("contrasts.csv")$hypothesis, "\t")
results <- lapply(hypotheses, function(equations) {
  test <- linearHypothesis(fit, equations, test = "Chisq")
  value <- attr(test, "value")
  spread <- attr(test, "vcov")
  data.frame(
    wald = test$Chisq[2], df = test$Df[2], p = test[["Pr(>Chisq)"]][2],
    estimate = if (length(value) == 1) value[1] else NA, std_error = if (length(value) == 1) sqrt(spread[1]) else NA
  )
})
write(do.call(rbind, results), "contrasts_r.csv")

# Firth's penalised likelihood by brglm2: Rscript tests/oracles/firth.R FOLDER > tests/oracles/firth.json
# with the tables that `python -m tests.oracles.firth FOLDER` wrote.
suppressMessages(library(brglm2))
folder <- commandArgs(TRUE)[1]
control <- list(type = "AS_mean", epsilon = 1e-13, maxit = 10000, slowit = 1)
fit <- function(formula, name, weights = NULL) {
  table <- read.csv(file.path(folder, paste0(name, ".csv")))
  if (!is.null(weights)) table$w <- table[[weights]] else table$w <- 1
  found <- glm(formula, binomial, table, weights = w, method = "brglmFit", control = control)
  number <- function(x) paste0("[", paste(formatC(x, digits = 17, format = "g"), collapse = ", "), "]")
  sprintf('  "%s": {"estimate": %s, "std_error": %s, "deviance": %s}', name, number(coef(found)),
          number(sqrt(diag(vcov(found)))), formatC(found$deviance, digits = 17, format = "g"))
}
cat("{\n", paste(c(
  fit(y ~ x + factor(level), "separated", "frequency"),
  fit(y ~ a + b, "completely_separated")
), collapse = ",\n"), "\n}\n", sep = "")

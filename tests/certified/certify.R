# The third route: R's own design matrix and glm.fit, in float64.
#
#   Rscript certify.R FOLDER
#
# FOLDER/rows.csv has the columns of the model as they are (numbers as hexadecimal floats: R reads
# decimals to within a unit in the last place only) and .events, .trials, .weight, .offset;
# FOLDER/columns.csv has `column,levels`: no levels for a numeric column, otherwise all of them in order,
# the reference first, separated by tabs; FOLDER/intercept.csv has `intercept` TRUE or FALSE.
# Writes FOLDER/r.csv: term, estimate, std_error, in R's order, and two rows for the log-likelihoods.

folder <- commandArgs(trailingOnly = TRUE)[1]
read <- function(name) read.csv(file.path(folder, name), colClasses = "character", check.names = FALSE, na.strings = NULL)
rows <- read("rows.csv")
columns <- read("columns.csv")
intercept <- as.logical(read("intercept.csv")$intercept)

for (name in c(".events", ".trials", ".weight", ".offset")) rows[[name]] <- as.numeric(rows[[name]])
for (i in seq_len(nrow(columns))) {
  name <- columns$column[i]
  if (columns$levels[i] == "") {
    rows[[name]] <- as.numeric(rows[[name]])
  } else {
    rows[[name]] <- factor(rows[[name]], levels = strsplit(columns$levels[i], "\t")[[1]])
  }
}
stopifnot(!anyNA(rows))

tight <- glm.control(epsilon = 1e-14, maxit = 50)
right_side <- paste(c(if (intercept) "1" else "0", columns$column), collapse = " + ")

# Grouped outcomes as R likes them; without groups the label itself, so that weights are prior weights.
# suppressWarnings: "non-integer #successes" is R's remark on importance weights, the fit is right.
fit_of <- function(right_side, start = NULL, control = tight) {
  left_side <- if (all(rows$.trials == 1)) ".events" else "cbind(.events, .trials - .events)"
  suppressWarnings(glm(
    as.formula(paste(left_side, "~", right_side)),
    family = binomial(), data = rows, weights = .weight, offset = .offset, control = control, start = start
  ))
}

# Over Bernoulli trials, without the binomial coefficients that logLik() adds for groups.
log_likelihood_of <- function(fit) {
  eta <- fit$linear.predictors
  sum(rows$.weight * (rows$.events * plogis(eta, log.p = TRUE) + (rows$.trials - rows$.events) * plogis(-eta, log.p = TRUE)))
}

# The second fit is for the standard errors: glm takes them from the working weights one step before its
# last estimates, which left 6 right digits on caravan. Started at the estimates, that step is none.
fit <- fit_of(right_side, start = coef(fit_of(right_side)))
# Where the columns are ill-conditioned rounding moves the deviance by more than that.
if (!fit$converged) fit <- fit_of(right_side, start = coef(fit), control = glm.control(epsilon = 1e-10, maxit = 50))
stopifnot(fit$converged, !anyNA(coef(fit)))
null_fit <- fit_of("1")
table <- summary(fit)$coefficients
out <- data.frame(
  term = c(rownames(table), "log_likelihood", "null_log_likelihood"),
  estimate = sprintf("%.17g", c(table[, 1], log_likelihood_of(fit), log_likelihood_of(null_fit))),
  std_error = c(sprintf("%.17g", table[, 2]), "", "")
)
write.csv(out, file.path(folder, "r.csv"), row.names = FALSE)

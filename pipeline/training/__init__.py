"""Training of any network on a patch bank; knows no path of the project and no tracker."""

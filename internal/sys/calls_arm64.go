package sys

// sysFstatat is the number of fstatat(2). The kernel's headers name it
// newfstatat, as on amd64, and x/sys fstatat.
const sysFstatat = 79
